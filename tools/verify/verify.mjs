#!/usr/bin/env node
// Verifies an archive of a crossdock ledger with nothing but Node.js's standard library (18 or
// later), the files and a public key: a second opinion that shares no code with crossdock.
// The format is docs/reference/ledger-archive.md; the proofs are RFC 6962, C2SP tlog-tiles,
// tlog-checkpoint and signed-note.

import { createHash, createPublicKey, verify as verifySignature } from "node:crypto";
import { existsSync, readFileSync, readdirSync, realpathSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const WIDTH = 256;
const FINDINGS_MAX = 1000;
const NO_BODY = 0xffffffff;
const ED25519_SPKI = Buffer.from("302a300506032b6570032100", "hex"); // RFC 8410

const usage = `Usage: verify.mjs ARCHIVE --key KEY [--known FILE]... [--json]
       verify.mjs --proof FILE --key KEY [--json]

Recomputes a crossdock ledger archive, or checks the proof of one record. KEY is
a verification key (vkey line, or a file with one) that you did not get with the
archive. A known FILE is a checkpoint that you kept from before: the archive must
contain what it signed.

Exit codes: 0 everything holds, 8 it does not, 2 usage, 5 no archive there.
`;

// -- keys and notes ---------------------------------------------------------------------------
/** A C2SP vkey line: NAME+HASH+BASE64(0x01 || Ed25519 key). Throws. */
export function parseKey(line) {
  const parts = line.trim().split("+");
  const base64 = parts.slice(2).join("+"); // which may hold a plus itself
  if (parts.length < 3 || parts[0] === "") throw new Error("the key is no vkey line");
  const blob = Buffer.from(base64, "base64");
  if (blob.length !== 33 || blob[0] !== 1) throw new Error("the key is no Ed25519 key");
  const id = sha256(Buffer.from(parts[0] + "\n"), blob).subarray(0, 4);
  if (id.toString("hex") !== parts[1]) throw new Error("the key's hash is not that of its name and key");
  const publicKey = createPublicKey({
    key: Buffer.concat([ED25519_SPKI, blob.subarray(1)]), format: "der", type: "spki",
  });
  return { name: parts[0], id, publicKey };
}

/** The signed text of a note, or throws. */
function openNote(note, key) {
  const split = note.lastIndexOf("\n\n");
  if (split < 0 || !note.endsWith("\n")) throw new Error("is no signed note");
  const text = note.slice(0, split + 1);
  for (const line of note.slice(split + 2, -1).split("\n")) {
    const match = /^\u2014 ([^ +]+) ([A-Za-z0-9+/]+=*)$/u.exec(line);
    if (!match) throw new Error("has a line that is no signature");
    const bytes = Buffer.from(match[2], "base64");
    if (bytes.toString("base64") !== match[2]) throw new Error("has a signature that is not base64");
    if (match[1] !== key.name || !bytes.subarray(0, 4).equals(key.id)) continue;
    if (verifySignature(null, Buffer.from(text), key.publicKey, bytes.subarray(4))) return text;
    throw new Error("its signature is wrong");
  }
  throw new Error("is not signed by this key");
}

function parseHead(text) {
  const lines = text.split("\n");
  const size = Number(lines[1]);
  const root = Buffer.from(lines[2] ?? "", "base64");
  if (lines.length < 4 || !/^(0|[1-9][0-9]*)$/.test(lines[1]) || !Number.isSafeInteger(size) ||
      root.length !== 32 || root.toString("base64") !== lines[2]) {
    throw new Error("is no checkpoint");
  }
  return { origin: lines[0], size, root };
}

// -- tree -------------------------------------------------------------------------------------
function sha256(...parts) {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

const LEAF = Buffer.from([0]);
const NODE = Buffer.from([1]);
const leafHash = (entry) => sha256(LEAF, entry);

/** Appends leaves and knows the root at every size; keeps a hash per complete subtree. */
class Tree {
  constructor() {
    this.size = 0;
    this.subtrees = [];
  }
  push(hash) {
    for (let n = this.size; n % 2 === 1; n = Math.floor(n / 2)) {
      hash = sha256(NODE, this.subtrees.pop(), hash);
    }
    this.subtrees.push(hash);
    this.size += 1;
  }
  root() {
    if (this.size === 0) return sha256();
    return this.subtrees.reduceRight((right, left) => sha256(NODE, left, right));
  }
}

function rootOf(hashes) {
  const tree = new Tree();
  for (const hash of hashes) tree.push(hash);
  return tree.root();
}

// -- names ------------------------------------------------------------------------------------
function tilePath(level, number, width) {
  let digits = String(number % 1000).padStart(3, "0");
  for (let rest = Math.floor(number / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    digits = `x${String(rest % 1000).padStart(3, "0")}/${digits}`;
  }
  return `${level}/${digits}${width === WIDTH ? "" : `.p/${width}`}`;
}

function tilesOf(level, count) {
  const tiles = [];
  for (let n = 0; n * WIDTH < count; n += 1) {
    const width = Math.min(WIDTH, count - n * WIDTH);
    tiles.push({ number: n, width, path: tilePath(level, n, width) });
  }
  return tiles;
}

function expectedFiles(size) {
  const files = new Set(["checkpoint", "checkpoints.jsonl"]);
  const add = (level, count) => tilesOf(level, count).forEach((tile) => files.add(tile.path));
  for (let level = 0, count = size; level === 0 || count > 0; level += 1) {
    add(`tile/${level}`, count);
    count = Math.floor(count / WIDTH);
  }
  add("tile/entries", size);
  add("bodies", size);
  return files;
}

// -- canonical JSON (RFC 8785, integers and strings) --------------------------------------------
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value !== null && typeof value === "object") {
    return `{${Object.keys(value).sort().map((k) => `${JSON.stringify(k)}:${canonical(value[k])}`).join(",")}}`;
  }
  if (typeof value === "number" && !Number.isSafeInteger(value)) throw new Error("a number is no integer");
  return JSON.stringify(value);
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true });

/** The value of a text that is canonical JSON of an object, or throws. */
function parseCanonical(bytes) {
  const text = strictUtf8.decode(bytes);
  const value = JSON.parse(text);
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new Error("is no JSON object");
  if (canonical(value) !== text) throw new Error("is not canonical JSON");
  return value;
}

// -- what records say of each other -----------------------------------------------------------
const text = (value) => (typeof value === "string" ? value : "");
const count = (value) => (Number.isSafeInteger(value) && value >= 0 ? value : 0);

class Rules {
  constructor(find) {
    this.find = find;
    this.channels = new Map();
    this.proposals = new Map();
    this.time = "";
  }
  proposal(id) {
    if (!this.proposals.has(id)) {
      this.proposals.set(id, { verdict: "", state: "", digest: "", byPerson: false, intent: false });
    }
    return this.proposals.get(id);
  }
  judge(seq, header) {
    const say = (what) => this.find(`record ${seq}: ${what}`);
    // In UTC, but a whole second has no fraction: "...:02Z" comes before "...:02.000369Z".
    const time = text(header.time).replace(/Z$/, "").replace(/^([^.]*)$/, "$1.");
    if (time < this.time) say(`its time ${header.time} is before that of the record before`);
    this.time = time;
    for (const cause of header.causes ?? []) {
      if (!Number.isSafeInteger(cause) || cause >= seq) say("a cause of it did not come before it");
    }
    this.channel(header, say);
    const detail = header.detail ?? {};
    switch (header.kind) {
      case "counts": return this.counts(detail, say);
      case "verdict": this.proposal(text(header.id)).verdict = text(detail.effect); return undefined;
      case "approval": return this.approval(header, detail, say);
      case "effect": return this.effect(header, detail, say);
      default: return undefined;
    }
  }
  channel(header, say) {
    const expected = text(header.src) !== "" && text(header.dst) !== "";
    const name = `channel ${text(header.src)} to ${text(header.dst)}`;
    const number = header.chan_seq;
    if ((number !== undefined) !== expected || (expected && !Number.isSafeInteger(number))) {
      say(`${name} has no number, or a number without a channel`);
    } else if (expected) {
      const key = JSON.stringify([header.src, header.dst]);
      const last = this.channels.get(key) ?? 0;
      if (number !== last + 1) say(`${name} has number ${number} after ${last}`);
      this.channels.set(key, number);
    }
  }
  counts(detail, say) {
    if (!("accepted" in detail)) return;
    const told = count(detail.delivered) + count(detail.denied) + count(detail.dead) + count(detail.in_flight);
    if (count(detail.accepted) !== told) {
      say(`the counters do not add up: ${count(detail.accepted)} accepted, ${told} accounted for`);
    }
  }
  approval(header, detail, say) {
    if (!("to" in detail) && !("from" in detail)) return; // somebody was refused; nothing moved
    const p = this.proposal(text(header.id));
    const to = text(detail.to);
    const from = text(detail.from);
    const who = text(header.principal);
    if (p.state !== "" && from !== p.state) say(`the approval goes on from ${from}, but it was ${p.state}`);
    if (p.digest !== "" && text(detail.digest) !== p.digest) {
      say("the approval is of another action than before (digest)");
    }
    if (to === "allowed" && p.verdict !== "allow") say("allowed without a verdict that allows it");
    if (to === "approved") {
      p.byPerson = p.byPerson || who.startsWith("person:");
      if (p.verdict !== "ask") say("approved without a verdict that asks");
      if (!p.byPerson) say(`approved by ${who || "nobody"}, who is no person`);
    }
    if (to === "consumed") {
      if (from !== "allowed" && from !== "approved") say(`consumed out of state ${from}`);
      p.intent = false;
    }
    p.state = to;
    p.digest = text(detail.digest);
  }
  effect(header, detail, say) {
    const p = this.proposal(text(header.id));
    if (detail.state !== "intent") {
      if (!p.intent) say("an effect without an intent");
      return;
    }
    if (p.verdict === "") say("an effect without a verdict");
    else if (p.state !== "consumed") {
      say(`an effect without a decision that it consumed (its approval is ${p.state || "missing"})`);
    } else if (p.digest !== text(detail.digest)) say("an effect of another action than was decided (digest)");
    else if (p.intent) say("a second effect of one decision");
    p.intent = true;
  }
}

// -- the archive ------------------------------------------------------------------------------
class Archive {
  constructor(folder, key) {
    this.folder = folder;
    this.key = key;
    this.findings = [];
    this.heads = [];
    this.records = 0;
    this.checkpoints = 0;
    this.covered = 0;
    this.root = "";
    this.rules = new Rules((what) => this.find(what));
  }
  find(what) {
    if (this.findings.length < FINDINGS_MAX) this.findings.push(what);
    else if (this.findings.length === FINDINGS_MAX) this.findings.push("there is more");
  }
  read(name) {
    try {
      return readFileSync(join(this.folder, name));
    } catch (e) {
      this.find(`${name}: ${e.code === "ENOENT" ? "there is no such file" : e.message}`);
      return undefined;
    }
  }
  /** Remembers what a note signed; undefined if it signed nothing. */
  takeHead(note, where, known = false) {
    try {
      const head = parseHead(openNote(note, this.key));
      if (head.origin !== this.key.name) throw new Error(`is of another log than ${this.key.name}`);
      this.heads.push({ ...head, where, known });
      return head;
    } catch (e) {
      this.find(`${where}: ${e.message}`);
      return undefined;
    }
  }
  verify(known) {
    const note = this.read("checkpoint")?.toString("utf8") ?? "";
    let size = 0;
    const newest = this.takeHead(note, "checkpoint");
    if (newest) size = newest.size;
    else {
      try {
        size = parseHead(note.slice(0, note.indexOf("\n\n") + 1)).size;
      } catch {
        // The finding is there already; without a size there is nothing more to look at.
      }
    }
    this.history(note);
    known.forEach((one, i) => this.takeHead(one, `known checkpoint ${i + 1}`, true));
    this.heads.sort((a, b) => a.size - b.size);
    this.nextHead = 0;
    size = this.boundSize(size);
    if (size > 0) {
      this.checkFiles(size);
      this.checkRecords(size);
    }
    for (const head of this.heads.slice(this.nextHead)) {
      this.find(`${head.where} covers ${head.size} records, but the archive ends at ${size}` +
                (head.known ? ": it is an older copy or another history" : ""));
    }
  }
  history(newestNote) {
    const bytes = this.read("checkpoints.jsonl");
    if (!bytes) return;
    let last = 0;
    let lastNote = "";
    const lines = bytes.toString("utf8").split("\n");
    if (lines.pop() !== "") this.find(`checkpoints.jsonl line ${lines.length + 1}: is cut off`);
    lines.forEach((line, i) => {
      const where = `checkpoints.jsonl line ${i + 1}`;
      let value;
      try {
        value = parseCanonical(Buffer.from(line));
        if (Object.keys(value).join() !== "note,size" || typeof value.note !== "string" ||
            !Number.isSafeInteger(value.size)) throw new Error("is not {note, size}");
      } catch (e) {
        this.find(`${where}: ${e.message}`);
        return;
      }
      lastNote = value.note;
      const head = this.takeHead(value.note, where);
      if (head && (head.size !== value.size || head.size <= last)) {
        this.find(`${where}: its size is not that of its note, or does not rise`);
      }
      if (head) last = head.size;
    });
    if (!bytes.equals(Buffer.from(bytes.toString("utf8")))) this.find("checkpoints.jsonl: is not UTF-8");
    this.checkpoints = lines.length;
    if (lastNote !== newestNote) this.find("checkpoints.jsonl does not end with the note in `checkpoint`");
  }
  /** Whoever wrote the checkpoint decides how much we look for, but not more than there can be. */
  boundSize(size) {
    const filesIn = (folder) => (existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : [])
      .reduce((n, entry) => n + (entry.isDirectory() ? filesIn(join(folder, entry.name)) : 1), 0);
    const bundles = filesIn(join(this.folder, "tile/entries"));
    const lookedFor = (2 * bundles + 16) * WIDTH; // some may be missing
    if (size > lookedFor) {
      this.find(`the checkpoint covers ${size} records, but there are entries for at most ${bundles * WIDTH}`);
    }
    return Math.min(size, lookedFor);
  }
  checkFiles(size) {
    const expected = expectedFiles(size);
    const walk = (folder) => {
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) walk(path);
        else {
          const name = relative(this.folder, path).split(sep).join("/");
          if (!expected.has(name)) this.find(`${name}: does not belong to an archive of ${size} records`);
        }
      }
    };
    walk(this.folder);
  }
  checkRecords(size) {
    this.tree = new Tree();
    this.goodUntil = 0;
    let level = [];
    for (const bundle of tilesOf("tile/entries", size)) {
      const root = this.checkBundle(bundle);
      if (bundle.width === WIDTH) level.push(root);
    }
    for (let number = 1; level.length > 0; number += 1) {
      const above = [];
      for (const tile of tilesOf(`tile/${number}`, level.length)) {
        const own = level.slice(tile.number * WIDTH, tile.number * WIDTH + tile.width);
        const stored = this.readHashes(tile);
        const wrong = stored ? own.findIndex((hash, i) => !hash.equals(stored[i])) : -1;
        if (wrong >= 0) this.find(`${tile.path}: hash ${wrong + 1} is not that of the hashes below it`);
        if (tile.width === WIDTH) above.push(rootOf(own));
      }
      level = above;
    }
  }
  /** The tile, or what is there of it: another width is wrong, but says where it begins to be. */
  whatIsThere(level, number, width) {
    const isFile = (path) => existsSync(join(this.folder, path)) && statSync(join(this.folder, path)).isFile();
    const path = tilePath(level, number, width);
    if (isFile(path)) return { path, width };
    this.find(`${path}: there is no such file`);
    for (let other = WIDTH; other > 0; other -= 1) {
      if (isFile(tilePath(level, number, other))) return { path: tilePath(level, number, other), width: other };
    }
    return undefined;
  }
  checkBundle(bundle) {
    const there = (level) => this.whatIsThere(level, bundle.number, bundle.width);
    const hashes = there("tile/0");
    const stored = (hashes && this.readHashes(hashes)) ?? [];
    const entries = this.readList(there("tile/entries"), 2);
    const bodies = this.readList(there("bodies"), 4);
    const leaves = new Tree();
    for (let i = 0; i < bundle.width; i += 1) {
      const seq = bundle.number * WIDTH + i + 1;
      let leaf;
      if (i < entries.length) {
        leaf = leafHash(entries[i]);
        if (i < stored.length && !leaf.equals(stored[i])) {
          this.find(`record ${seq}: its entry does not give the hash in ${hashes.path}`);
        }
        this.records += 1;
        this.judge(seq, entries[i], bodies[i], i < bodies.length);
      } else if (i < stored.length) leaf = stored[i];
      else this.tree = undefined;
      if (this.tree) this.tree.push(leaf);
      leaves.push(leaf ?? Buffer.alloc(32));
      this.headsAt(seq);
    }
    return leaves.root();
  }
  readHashes(tile) {
    const bytes = this.read(tile.path);
    if (!bytes) return undefined;
    if (bytes.length !== tile.width * 32) {
      this.find(`${tile.path}: does not hold exactly ${tile.width} hashes`);
      return undefined;
    }
    return Array.from({ length: tile.width }, (_, i) => bytes.subarray(i * 32, i * 32 + 32));
  }
  /** Parts with big-endian lengths of `digits` bytes; a body that is none is null. */
  readList(tile, digits) {
    const bytes = tile && this.read(tile.path);
    if (!bytes) return [];
    const parts = [];
    let at = 0;
    while (parts.length < tile.width) {
      if (at + digits > bytes.length) break;
      const length = bytes.readUIntBE(at, digits);
      at += digits;
      if (digits === 4 && length === NO_BODY) {
        parts.push(null);
        continue;
      }
      if (at + length > bytes.length) break;
      parts.push(bytes.subarray(at, at + length));
      at += length;
    }
    if (parts.length === tile.width && at === bytes.length) return parts;
    this.find(`${tile.path}: ${parts.length < tile.width ? "ends within" : "goes on after"} its ${tile.width} parts`);
    return [];
  }
  judge(seq, entry, body, bodiesKnown) {
    const say = (what) => this.find(`record ${seq}: ${what}`);
    let header;
    try {
      header = parseCanonical(entry);
    } catch (e) {
      say(`the header ${e.message}`);
      return;
    }
    if (header.v !== 1) say("the header has a version unknown here");
    if (header.seq !== seq) say(`the header says seq ${header.seq}`);
    if (header.log !== this.key.name) say(`the header belongs to log "${header.log}"`);
    try {
      this.rules.judge(seq, header);
    } catch (e) {
      say(`a field of the header is not what it must be (${e.message})`);
    }
    if (!bodiesKnown) return;
    if (header.body === undefined) {
      if (body !== null) say("has a body that its header does not know");
    } else if (body === null) say("the body is missing");
    else if (header.body === null || header.body.h !== sha256(body).toString("hex") || header.body.n !== body.length) {
      say("the body was changed (it does not give the hash in the header)");
    }
  }
  headsAt(seq) {
    for (; this.nextHead < this.heads.length && this.heads[this.nextHead].size <= seq; this.nextHead += 1) {
      const head = this.heads[this.nextHead];
      if (head.size < seq || !this.tree) continue;
      if (this.tree.root().equals(head.root)) {
        this.goodUntil = head.size;
        this.covered = head.size;
        this.root = head.root.toString("hex");
      } else {
        this.find(`records ${this.goodUntil + 1}..${head.size}: not what ${head.where} signed`);
      }
    }
  }
}

/** `known`: notes kept from before. Findings are empty if everything holds. */
export function verifyArchive(folder, key, known = []) {
  const archive = new Archive(folder, key);
  archive.verify(known);
  const { records, checkpoints, covered, root, findings } = archive;
  return { good: findings.length === 0, records, checkpoints, covered, root, findings };
}

/** A tlog-proof (C2SP) whose `extra` line is the record's header. Throws what is wrong with it. */
export function checkProof(proof, key) {
  const split = proof.indexOf("\n\n");
  const lines = proof.slice(0, split).split("\n");
  const extra = /^extra ([A-Za-z0-9+/]+=*)$/.exec(lines[1] ?? "");
  const place = /^index (0|[1-9][0-9]*)$/.exec(lines[2] ?? "");
  if (split < 0 || lines[0] !== "c2sp.org/tlog-proof@v1" || !extra || !place) throw new Error("this is no proof of a record");
  const entry = Buffer.from(extra[1], "base64");
  const path = lines.slice(3).map((line) => {
    const hash = Buffer.from(line, "base64");
    if (hash.length !== 32 || hash.toString("base64") !== line) throw new Error("a line of the proof is no hash");
    return hash;
  });
  const head = parseHead(openNote(proof.slice(split + 2), key));
  const index = Number(place[1]);
  if (head.origin !== key.name) throw new Error(`the checkpoint is of another log than ${key.name}`);
  // RFC 6962, 2.1.1: the path splits a stretch at the largest power of two below its length.
  const root = (first, count, leaf, rest) => {
    if (count === 1) {
      if (rest.length > 0) throw new Error("the proof is too long");
      return leaf;
    }
    const sibling = rest[rest.length - 1];
    if (!sibling) throw new Error("the proof is too short");
    let left = 1;
    while (left * 2 < count) left *= 2;
    const inner = rest.slice(0, -1);
    return index - first < left
      ? sha256(NODE, root(first, left, leaf, inner), sibling)
      : sha256(NODE, sibling, root(first + left, count - left, leaf, inner));
  };
  if (index >= head.size || !root(0, head.size, leafHash(entry), path).equals(head.root)) {
    throw new Error(`the record is not at place ${index + 1} of the log that was signed`);
  }
  const header = parseCanonical(entry);
  if (header.seq !== index + 1) throw new Error(`the record does not say that it is number ${index + 1}`);
  return { seq: header.seq, size: head.size, header };
}

// -- command line -----------------------------------------------------------------------------
function fail(code, message) {
  process.stderr.write(`verify: ${message}\n`);
  process.exit(code);
}

const fileOr = (words) => (existsSync(words) && statSync(words).isFile() ? readFileSync(words, "utf8") : words);

function main() {
  let given;
  try {
    given = parseArgs({
      allowPositionals: true,
      options: {
        key: { type: "string" }, proof: { type: "string" }, known: { type: "string", multiple: true },
        json: { type: "boolean" }, help: { type: "boolean", short: "h" },
      },
    });
  } catch (e) {
    fail(2, `${e.message}\n\n${usage}`);
  }
  if (given.values.help) {
    process.stdout.write(usage);
    return;
  }
  const [folder] = given.positionals;
  const { proof } = given.values;
  if (given.positionals.length !== (proof ? 0 : 1) || !given.values.key) {
    fail(2, `an archive or --proof, and --key are needed\n\n${usage}`);
  }
  let key;
  try {
    key = parseKey(fileOr(given.values.key).split("\n")[0]);
  } catch (e) {
    fail(2, e.message);
  }
  if (proof) {
    if (!existsSync(proof)) fail(5, `${proof}: there is no such file`);
    try {
      const seen = checkProof(readFileSync(proof, "utf8"), key);
      process.stdout.write(given.values.json ? `${JSON.stringify({ good: true, ...seen })}\n`
        : `Record ${seen.seq} is in the log of ${seen.size} records that was signed.\n${JSON.stringify(seen.header, null, 2)}\n`);
    } catch (e) {
      fail(8, e.message);
    }
    return;
  }
  if (!existsSync(join(folder, "checkpoint"))) fail(5, `${folder}: there is no archive here (no file checkpoint)`);
  const known = (given.values.known ?? []).map((file) => {
    try {
      return readFileSync(file, "utf8");
    } catch (e) {
      return fail(5, `${file}: ${e.message}`);
    }
  });
  const seen = verifyArchive(folder, key, known);
  if (given.values.json) {
    process.stdout.write(`${JSON.stringify(seen)}\n`);
  } else {
    process.stdout.write(`The archive ${seen.good ? "verifies" : "does NOT verify"}.\n` +
      `records      ${seen.records}, ${seen.covered} of them under a checkpoint\n` +
      `checkpoints  ${seen.checkpoints}\nroot         ${seen.root}\n` +
      seen.findings.map((finding) => `finding: ${finding}\n`).join(""));
  }
  process.exitCode = seen.good ? 0 : 8;
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) main();
