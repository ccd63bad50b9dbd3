/// TRUST: who may load what.
///
/// Promises
///  - No instruction of a plugin file runs before `judge` admitted exactly its bytes: on the word
///    of the operator's list of hashes, or of keys in the operator's trust file.
///  - A changed byte of the file, its signature or the signature's comment, a signature that
///    belongs to another file, a revoked or expired key, a revoked file and an older version than
///    the newest that was here are refused, each with its reason.
///  - What a component may do is manifest ∩ grant ∩ cap, never wider than any of the three.
///  - What was staged, by whom and on which word outlives a crash.
///
/// No actors and no I/O but the files named to it: a partner's tool and the node use the same.
#pragma once

#include "trust/claim.hpp"
#include "trust/history.hpp"
#include "trust/judge.hpp"
#include "trust/minisign.hpp"
#include "trust/rights.hpp"
#include "trust/safe_file.hpp"
#include "trust/semver.hpp"
#include "trust/store.hpp"
#include "trust/trust_file.hpp"
