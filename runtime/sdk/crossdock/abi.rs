// crossdock plugin contract, version 1.0, for Rust (edition 2021, no crates).
//
// abi.h in the same folder is the contract and explains everything; this file repeats its
// layout, member by member and under the same names. Take it into a module of your own:
//
//     #[allow(dead_code, non_camel_case_types)]
//     mod abi {
//         include!(env!("CROSSDOCK_RUST_ABI"));
//     }
//
// crossdock_add_plugin sets the variable. With cargo: CROSSDOCK_RUST_ABI=.../crossdock/abi.rs
// cargo build. No panic may leave a function that the host calls: catch_unwind, or -C panic=abort.

pub const CDK_MAGIC: u32 = 0x314b4443;
pub const CDK_ABI_MAJOR: u32 = 1;
pub const CDK_ABI_MINOR: u32 = 0;

// -- results of a step and of host functions: 0 done, > 0 fine, < 0 not done -----------------
pub type cdk_status = i32;
pub const CDK_OK: cdk_status = 0;
pub const CDK_PENDING: cdk_status = 1;
pub const CDK_SKIPPED: cdk_status = 2;
pub const CDK_E_RETRY: cdk_status = -1;
pub const CDK_E_REJECT: cdk_status = -2;
pub const CDK_E_FATAL: cdk_status = -3;
pub const CDK_E_DENIED: cdk_status = -4;
pub const CDK_E_LIMIT: cdk_status = -5;
pub const CDK_E_DEADLINE: cdk_status = -6;
pub const CDK_E_CANCELLED: cdk_status = -7;
pub const CDK_E_VERSION: cdk_status = -8;
pub const CDK_E_EXCEPTION: cdk_status = -9;
pub const CDK_E_ABSENT: cdk_status = -10;
pub const CDK_E_INVALID: cdk_status = -11;

// -- outcomes of a tool ------------------------------------------------------------------------
pub const CDK_TOOL_OK: cdk_status = 0;
pub const CDK_TOOL_REFUSED: cdk_status = 101;
pub const CDK_TOOL_NEEDS_PERSON: cdk_status = 102;
pub const CDK_TOOL_CONFLICT: cdk_status = 103;
pub const CDK_TOOL_AUTH: cdk_status = 104;
pub const CDK_TOOL_TRANSIENT: cdk_status = 105;
pub const CDK_TOOL_UNKNOWN: cdk_status = 106;
pub const CDK_TOOL_NOT_FOUND: cdk_status = 107;

// -- basic types -------------------------------------------------------------------------------
#[repr(C)]
#[derive(Clone, Copy)]
pub struct cdk_str {
    pub ptr: *const u8,
    pub len: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct cdk_bytes {
    pub ptr: *const u8,
    pub len: u64,
}

#[repr(C)]
pub struct cdk_error {
    pub struct_size: u32,
    pub code: i32,
    pub retry_after_ms: u32,
    pub message_len: u32,
    pub message: [u8; 512],
}

#[repr(C)]
pub struct cdk_writer {
    pub ctx: *mut core::ffi::c_void,
    pub write: Option<unsafe extern "C" fn(*mut core::ffi::c_void, *const core::ffi::c_void, u64) -> i64>,
}

#[repr(C)]
pub struct cdk_reader {
    pub ctx: *mut core::ffi::c_void,
    pub read: Option<unsafe extern "C" fn(*mut core::ffi::c_void, *mut core::ffi::c_void, u64) -> i64>,
}

/// The host's; dies when handle() returns.
#[repr(C)]
pub struct cdk_step {
    _opaque: [u8; 0],
}

/// The plugin's own.
#[repr(C)]
pub struct cdk_instance {
    _opaque: [u8; 0],
}

// -- events --------------------------------------------------------------------------------------
pub const CDK_EV_START: u32 = 1;
pub const CDK_EV_MESSAGE: u32 = 2;
pub const CDK_EV_ASK: u32 = 3;
pub const CDK_EV_CALL: u32 = 4;
pub const CDK_EV_LOOKUP: u32 = 5;
pub const CDK_EV_RESULT: u32 = 6;
pub const CDK_EV_DECISION: u32 = 7;
pub const CDK_EV_TIMER: u32 = 8;
pub const CDK_EV_POSTED: u32 = 9;
pub const CDK_EV_CONFIG: u32 = 10;

pub const CDK_F_REDELIVERY: u32 = 1;
pub const CDK_F_REPLAY: u32 = 2;
pub const CDK_F_SHADOW: u32 = 4;

#[repr(C)]
pub struct cdk_event {
    pub struct_size: u32,
    pub kind: u32,
    pub flags: u32,
    pub attempt: u32,
    pub seq: u64,
    pub now_ns: i64,
    pub deadline_ns: i64,
    pub token: u64,
    pub status: cdk_status,
    pub reserved0: u32,
    pub id: cdk_str,
    pub topic: cdk_str,
    pub schema: cdk_str,
    pub key: cdk_str,
    pub case_id: cdk_str,
    pub source: cdk_str,
    pub tenant: cdk_str,
    pub site: cdk_str,
    pub content_type: cdk_str,
    pub traceparent: cdk_str,
    pub labels: cdk_str,
    pub idempotency_key: cdk_str,
    pub payload: cdk_bytes,
    pub tag: cdk_bytes,
}

// -- the host's table ------------------------------------------------------------------------------
pub const CDK_LOG_DEBUG: u32 = 1;
pub const CDK_LOG_INFO: u32 = 2;
pub const CDK_LOG_WARNING: u32 = 3;
pub const CDK_LOG_ERROR: u32 = 4;

pub const CDK_METRIC_COUNTER: u32 = 1;
pub const CDK_METRIC_GAUGE: u32 = 2;
pub const CDK_METRIC_HISTOGRAM: u32 = 3;

#[repr(C)]
pub struct cdk_host {
    pub struct_size: u32,
    pub abi_major: u32,
    pub abi_minor: u32,
    pub reserved0: u32,
    pub ctx: *mut core::ffi::c_void,
    pub get_extension: Option<unsafe extern "C" fn(*const cdk_host, cdk_str) -> *const core::ffi::c_void>,
    pub log: Option<unsafe extern "C" fn(*const cdk_host, u32, cdk_str, cdk_str)>,
    pub metric: Option<unsafe extern "C" fn(*const cdk_host, u32, cdk_str, f64, cdk_str)>,
    pub post: Option<unsafe extern "C" fn(*const cdk_host, cdk_bytes, cdk_bytes) -> cdk_status>,
    pub send: Option<unsafe extern "C" fn(*mut cdk_step, cdk_str, cdk_str, cdk_str, cdk_bytes) -> cdk_status>,
    pub ask: Option<unsafe extern "C" fn(*mut cdk_step, cdk_str, cdk_bytes, u64, cdk_bytes, *mut u64) -> cdk_status>,
    pub reply: Option<unsafe extern "C" fn(*mut cdk_step, u64, cdk_status, cdk_bytes) -> cdk_status>,
    pub timer: Option<unsafe extern "C" fn(*mut cdk_step, u64, cdk_bytes, *mut u64) -> cdk_status>,
    pub cancel: Option<unsafe extern "C" fn(*mut cdk_step, u64) -> cdk_status>,
    pub random: Option<unsafe extern "C" fn(*mut cdk_step, *mut core::ffi::c_void, u64) -> cdk_status>,
}

// -- capabilities ------------------------------------------------------------------------------------
pub const CDK_CAP_LIMITS: &str = "limits/1";
pub const CDK_CAP_TOOL: &str = "tool/1";
pub const CDK_CAP_PROPOSE: &str = "propose/1";
pub const CDK_CAP_MEMORY: &str = "memory/1";
pub const CDK_CAP_MODEL: &str = "model/1";
pub const CDK_CAP_SEARCH: &str = "search/1";
pub const CDK_CAP_BLOB: &str = "blob/1";
pub const CDK_CAP_NET: &str = "net/1";

#[repr(C)]
pub struct cdk_limits {
    pub struct_size: u32,
    pub json_depth_max: u32,
    pub payload_bytes_max: u64,
    pub effects_per_step_max: u64,
    pub effect_bytes_per_step_max: u64,
    pub tag_bytes_max: u64,
    pub memory_bytes_max: u64,
    pub memory_value_bytes_max: u64,
    pub snapshot_bytes_max: u64,
    pub step_ms_soft: u64,
    pub step_ms_hard: u64,
}

#[repr(C)]
pub struct cdk_tool {
    pub struct_size: u32,
    pub reserved0: u32,
    pub call: Option<unsafe extern "C" fn(*mut cdk_step, cdk_str, cdk_bytes, u64, cdk_bytes, *mut u64) -> cdk_status>,
}

#[repr(C)]
pub struct cdk_proposal {
    pub struct_size: u32,
    pub flags: u32,
    pub tool: cdk_str,
    pub args: cdk_bytes,
    pub score: f64,
    pub confidence: f64,
    pub basis: cdk_bytes,
    pub rationale: cdk_str,
    pub rationale_facts: cdk_bytes,
    pub evidence: cdk_bytes,
    pub alternatives: cdk_bytes,
    pub amount: cdk_str,
    pub currency: cdk_str,
    pub expected_value: cdk_bytes,
    pub if_nothing_is_done: cdk_str,
    pub object_key: cdk_str,
    pub expires_s: u64,
    pub tag: cdk_bytes,
}

#[repr(C)]
pub struct cdk_propose {
    pub struct_size: u32,
    pub reserved0: u32,
    pub propose: Option<unsafe extern "C" fn(*mut cdk_step, *const cdk_proposal, *mut u64) -> cdk_status>,
}

#[repr(C)]
pub struct cdk_memory {
    pub struct_size: u32,
    pub reserved0: u32,
    pub get: Option<unsafe extern "C" fn(*mut cdk_step, cdk_str, *mut cdk_bytes) -> cdk_status>,
    pub put: Option<unsafe extern "C" fn(*mut cdk_step, cdk_str, cdk_bytes, u64) -> cdk_status>,
    pub del: Option<unsafe extern "C" fn(*mut cdk_step, cdk_str) -> cdk_status>,
    pub scan: Option<
        unsafe extern "C" fn(
            *mut cdk_step,
            cdk_str,
            *mut core::ffi::c_void,
            Option<unsafe extern "C" fn(*mut core::ffi::c_void, cdk_str, cdk_bytes) -> i32>,
        ) -> cdk_status,
    >,
}

#[repr(C)]
pub struct cdk_model {
    pub struct_size: u32,
    pub reserved0: u32,
    pub complete: Option<unsafe extern "C" fn(*mut cdk_step, cdk_bytes, u64, cdk_bytes, *mut u64) -> cdk_status>,
}

#[repr(C)]
pub struct cdk_search {
    pub struct_size: u32,
    pub reserved0: u32,
    pub query: Option<unsafe extern "C" fn(*mut cdk_step, cdk_bytes, u64, cdk_bytes, *mut u64) -> cdk_status>,
}

#[repr(C)]
pub struct cdk_blob {
    pub struct_size: u32,
    pub reserved0: u32,
    pub put: Option<unsafe extern "C" fn(*mut cdk_step, *const cdk_reader, *mut u8) -> cdk_status>,
    pub get: Option<unsafe extern "C" fn(*mut cdk_step, cdk_str, *const cdk_writer) -> cdk_status>,
}

#[repr(C)]
pub struct cdk_net {
    pub struct_size: u32,
    pub reserved0: u32,
    pub connect: Option<unsafe extern "C" fn(*const cdk_host, cdk_str, *mut i32) -> cdk_status>,
}

// -- the plugin's table ----------------------------------------------------------------------------
#[repr(C)]
pub struct cdk_plugin {
    pub struct_size: u32,
    pub reserved0: u32,
    pub create: Option<
        unsafe extern "C" fn(*const cdk_host, cdk_str, cdk_bytes, *mut *mut cdk_instance, *mut cdk_error) -> cdk_status,
    >,
    pub handle: Option<
        unsafe extern "C" fn(*mut cdk_instance, *mut cdk_step, *const cdk_event, *mut cdk_error) -> cdk_status,
    >,
    pub snapshot: Option<unsafe extern "C" fn(*mut cdk_instance, *const cdk_writer, *mut cdk_error) -> cdk_status>,
    pub restore: Option<unsafe extern "C" fn(*mut cdk_instance, u32, *const cdk_reader, *mut cdk_error) -> cdk_status>,
    pub quiesce: Option<unsafe extern "C" fn(*mut cdk_instance, u32, i64, *mut cdk_error) -> cdk_status>,
    pub resume: Option<unsafe extern "C" fn(*mut cdk_instance, *mut cdk_error) -> cdk_status>,
    pub probe: Option<unsafe extern "C" fn(*mut cdk_instance, u32, *const cdk_writer, *mut cdk_error) -> cdk_status>,
    pub destroy: Option<unsafe extern "C" fn(*mut cdk_instance)>,
    pub get_extension: Option<unsafe extern "C" fn(*mut cdk_instance, cdk_str) -> *const core::ffi::c_void>,
}

pub const CDK_QUIESCE_STOP: u32 = 1;
pub const CDK_QUIESCE_SWAP: u32 = 2;

#[repr(C)]
pub struct cdk_entry {
    pub magic: u32,
    pub struct_size: u32,
    pub abi_major: u32,
    pub abi_minor: u32,
    pub min_host_minor: u32,
    pub reserved0: u32,
    pub plugin: *const cdk_plugin,
}

// Both are plain numbers and function pointers that never change.
unsafe impl Sync for cdk_plugin {}
unsafe impl Sync for cdk_entry {}
