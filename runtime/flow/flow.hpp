/// FLOW: moves a case through the steps that a TOML file declares.
///
/// Promises
///  - A definition is checked whole before it is in force: an unknown key, a pointer to a
///    step that does not come earlier, a float where money is meant are errors that name
///    file, line and field. Once compiled it never changes, and a case keeps the version
///    it began with.
///  - `advance` is a pure function of (definition, state, input, time): no clock, no
///    queue, no randomness. The same inputs give the same cases, so a recorded case
///    can be replayed.
///  - A case has at most one live proposal. It asks for another only after the end of the
///    one before is known, also when a newer trigger supersedes it.
///  - A late, repeated or foreign input changes nothing, and the answer says why.
///  - After `close_case` a case asks for nothing more.
///  - The state is one JSON document; parsed again it behaves the same.
///  - Numbers are decimals: probabilities with six decimals, money exact; no double is
///    compared or multiplied. The ranking keeps its arithmetic so that a person can do it
///    again.
#pragma once

#include "flow/advance.hpp"
#include "flow/case_state.hpp"
#include "flow/definition.hpp"
#include "flow/store.hpp"
#include "flow/story.hpp"
