//! An agent in Rust without any crate: when a customer orders the same quantity of the same item
//! on another line within a day, it sends example.double_order. The rules are safe Rust; what
//! speaks C is at the end and lets no panic out.

#[allow(dead_code, non_camel_case_types)]
mod abi {
    include!(env!("CROSSDOCK_RUST_ABI"));
}
use abi::*;
use std::panic::{catch_unwind, AssertUnwindSafe};

const DAY_S: u64 = 24 * 3600;

/// Why a step failed: what the host does about it, and a sentence for people.
struct Failure(cdk_status, String);
type Outcome = Result<cdk_status, Failure>;

/// The text member `name` of a flat part of a JSON object. The host has checked the payload
/// against its schema, so this need not judge it, only find its way through it.
fn text_member(json: &str, name: &str) -> Option<String> {
    let mut chars = json.chars().peekable();
    let mut depth = 0;
    while let Some(c) = chars.next() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            '"' => {
                let found = string_end(&mut chars)?;
                while chars.next_if(|c| c.is_whitespace()).is_some() {}
                if depth == 1 && chars.next_if_eq(&':').is_some() && found == name {
                    while chars.next_if(|c| c.is_whitespace()).is_some() {}
                    return match chars.next()? {
                        '"' => string_end(&mut chars),
                        _ => None,
                    };
                }
            }
            _ => {}
        }
    }
    None
}

/// The rest of a JSON string whose opening quote was read. Escapes are UTF-16 units.
fn string_end(chars: &mut impl Iterator<Item = char>) -> Option<String> {
    let mut units: Vec<u16> = Vec::new();
    loop {
        let plain = match chars.next()? {
            '"' => return String::from_utf16(&units).ok(),
            '\\' => match chars.next()? {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'u' => {
                    let digits: String = (0..4).filter_map(|_| chars.next()).collect();
                    units.push(u16::from_str_radix(&digits, 16).ok()?);
                    continue;
                }
                other => other,
            },
            other => other,
        };
        units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
    }
}

fn json_text(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// What the host granted, and one step's view of it.
struct Instance {
    host: *const cdk_host,
    memory: *const cdk_memory,
}

struct Step<'a> {
    of: &'a Instance,
    raw: *mut cdk_step,
}

impl Step<'_> {
    fn remembered(&self, key: &str) -> Result<Option<String>, Failure> {
        let mut out = bytes("");
        let get = unsafe { (*self.of.memory).get.unwrap() };
        match unsafe { get(self.raw, text(key), &mut out) } {
            CDK_OK => Ok(Some(unsafe { borrowed(out.ptr, out.len) }.to_string())),
            CDK_E_ABSENT => Ok(None),
            code => Err(Failure(code, "memory cannot be read".into())),
        }
    }

    fn remember(&self, key: &str, value: &str, seconds: u64) -> Result<(), Failure> {
        let put = unsafe { (*self.of.memory).put.unwrap() };
        done(unsafe { put(self.raw, text(key), bytes(value), seconds) }, "memory put")
    }

    fn send(&self, topic: &str, payload: &str) -> Result<(), Failure> {
        let send = unsafe { (*self.of.host).send.unwrap() };
        // Neither an id nor a key of its own: the host numbers it and applies the topic's key.
        done(unsafe { send(self.raw, text(topic), text(""), text(""), bytes(payload)) }, "send")
    }
}

/// The rule itself.
fn order_line(step: &Step, payload: &str) -> Outcome {
    let member = |name: &str| {
        text_member(payload, name)
            .ok_or_else(|| Failure(CDK_E_REJECT, format!("order.line has no text '{}'", name)))
    };
    let line = member("line")?;
    let what = format!("{}\n{}\n{}", member("customer")?, member("item")?, member("quantity")?);
    match step.remembered(&what)? {
        // The same line again: it has changed, or is delivered anew.
        Some(first) if first == line => {}
        Some(first) => step.send(
            "example.double_order",
            &format!("{{\"line\":{},\"first\":{}}}", json_text(&line), json_text(&first)),
        )?,
        None => step.remember(&what, &line, DAY_S)?,
    }
    Ok(CDK_OK)
}

// -- the C side ----------------------------------------------------------------------------------

fn text(s: &str) -> cdk_str {
    cdk_str { ptr: s.as_ptr(), len: s.len() as u64 }
}

fn bytes(s: &str) -> cdk_bytes {
    cdk_bytes { ptr: s.as_ptr(), len: s.len() as u64 }
}

/// Borrowed from the host until the call returns. What is no UTF-8 is as good as empty.
unsafe fn borrowed<'a>(ptr: *const u8, len: u64) -> &'a str {
    if ptr.is_null() {
        return "";
    }
    std::str::from_utf8(std::slice::from_raw_parts(ptr, len as usize)).unwrap_or("")
}

fn done(status: cdk_status, what: &str) -> Result<(), Failure> {
    if status == CDK_OK { Ok(()) } else { Err(Failure(status, format!("{} was refused", what))) }
}

/// Runs `body`; what it fails with, a panic too, becomes a status and the host's error.
unsafe fn guarded(error: *mut cdk_error, body: impl FnOnce() -> Outcome) -> cdk_status {
    let Failure(code, why) = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(status)) => return status,
        Ok(Err(failure)) => failure,
        Err(_) => Failure(CDK_E_EXCEPTION, "a panic in Rust".into()),
    };
    if let Some(e) = error.as_mut() {
        if e.struct_size as usize >= std::mem::size_of::<cdk_error>() {
            let len = why.len().min(e.message.len());
            e.message[..len].copy_from_slice(&why.as_bytes()[..len]);
            e.message_len = len as u32;
            e.code = code;
        }
    }
    code
}

unsafe extern "C" fn create(
    host: *const cdk_host,
    component: cdk_str,
    _config: cdk_bytes,
    out: *mut *mut cdk_instance,
    error: *mut cdk_error,
) -> cdk_status {
    guarded(error, || {
        if borrowed(component.ptr, component.len) != "example.double-order" {
            return Err(Failure(CDK_E_ABSENT, "the one component is example.double-order".into()));
        }
        let memory = (*host).get_extension.unwrap()(host, text(CDK_CAP_MEMORY)) as *const cdk_memory;
        if memory.is_null() {
            return Err(Failure(CDK_E_DENIED, "memory/1 is needed and was not granted".into()));
        }
        *out = Box::into_raw(Box::new(Instance { host, memory })) as *mut cdk_instance;
        Ok(CDK_OK)
    })
}

unsafe extern "C" fn handle(
    instance: *mut cdk_instance,
    step: *mut cdk_step,
    event: *const cdk_event,
    error: *mut cdk_error,
) -> cdk_status {
    guarded(error, || {
        if (*event).kind != CDK_EV_MESSAGE {
            return Ok(CDK_SKIPPED);
        }
        let step = Step { of: &*(instance as *const Instance), raw: step };
        order_line(&step, borrowed((*event).payload.ptr, (*event).payload.len))
    })
}

unsafe extern "C" fn snapshot(_: *mut cdk_instance, _: *const cdk_writer, _: *mut cdk_error) -> cdk_status {
    CDK_OK // nothing is kept in the instance
}

unsafe extern "C" fn restore(_: *mut cdk_instance, schema: u32, _: *const cdk_reader, error: *mut cdk_error) -> cdk_status {
    guarded(error, || match schema {
        1 => Ok(CDK_OK),
        _ => Err(Failure(CDK_E_VERSION, "only state schema 1 is known".into())),
    })
}

unsafe extern "C" fn quiesce(_: *mut cdk_instance, _: u32, _: i64, _: *mut cdk_error) -> cdk_status {
    CDK_OK
}

unsafe extern "C" fn resume(_: *mut cdk_instance, _: *mut cdk_error) -> cdk_status {
    CDK_OK
}

unsafe extern "C" fn probe(_: *mut cdk_instance, _: u32, _: *const cdk_writer, _: *mut cdk_error) -> cdk_status {
    CDK_OK
}

unsafe extern "C" fn destroy(instance: *mut cdk_instance) {
    drop(Box::from_raw(instance as *mut Instance));
}

static TABLE: cdk_plugin = cdk_plugin {
    struct_size: std::mem::size_of::<cdk_plugin>() as u32,
    reserved0: 0,
    create: Some(create),
    handle: Some(handle),
    snapshot: Some(snapshot),
    restore: Some(restore),
    quiesce: Some(quiesce),
    resume: Some(resume),
    probe: Some(probe),
    destroy: Some(destroy),
    get_extension: None,
};

static ENTRY: cdk_entry = cdk_entry {
    magic: CDK_MAGIC,
    struct_size: std::mem::size_of::<cdk_entry>() as u32,
    abi_major: CDK_ABI_MAJOR,
    abi_minor: CDK_ABI_MINOR,
    min_host_minor: 0,
    reserved0: 0,
    plugin: &TABLE,
};

#[no_mangle]
pub extern "C" fn crossdock_plugin_v1() -> *const cdk_entry {
    &ENTRY
}
