// What the second verifier finds in archives that were changed.
//   flips ARCHIVE KEY STRIDE OFFSET   every STRIDE-th byte of every file, one bit each
//   each FOLDER KEY                   every archive in the folder; a name with "good" is clean
//   proofs FOLDER KEY                 every file in it is a proof; a name with "good" holds
// Prints {"checked", "missed": [...]} as JSON.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkProof, parseKey, verifyArchive } from "../../tools/verify/verify.mjs";

const [mode, folder, vkey, ...rest] = process.argv.slice(2);
const key = parseKey(vkey);
const missed = [];
let checked = 0;

function flips(stride, offset) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true });
  let at = offset;
  for (const file of files.filter((entry) => entry.isFile())) {
    const path = join(file.parentPath ?? file.path, file.name);
    const bytes = readFileSync(path);
    for (; at < bytes.length; at += stride) {
      const changed = Buffer.from(bytes);
      changed[at] ^= 1 << (at % 8);
      writeFileSync(path, changed);
      checked += 1;
      if (verifyArchive(folder, key).good) missed.push(`${path}:${at}`);
    }
    at -= bytes.length;
    writeFileSync(path, bytes);
  }
}

function holds(file) {
  try {
    checkProof(readFileSync(file, "utf8"), key);
    return true;
  } catch {
    return false;
  }
}

if (mode === "proofs") {
  for (const name of readdirSync(folder)) {
    checked += 1;
    if (holds(join(folder, name)) !== name.includes("good")) missed.push(name);
  }
} else if (mode === "flips") flips(Number(rest[0]), Number(rest[1]));
else {
  for (const name of readdirSync(folder)) {
    checked += 1;
    const seen = verifyArchive(join(folder, name), key);
    if (seen.good !== name.includes("good")) missed.push(`${name}: ${seen.findings.join("; ")}`);
  }
}
process.stdout.write(`${JSON.stringify({ checked, missed })}\n`);
