# Sourced by scripts that start a process and must find exactly it again.
# shellcheck shell=bash

# When a process started (field 22 of /proc/PID/stat). With the pid it names one process for as
# long as the machine is up, so a recycled pid is never taken for ours.
started_at() { sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

remember_process() { printf '%s %s\n' "$1" "$(started_at "$1")" >"$2"; } # PID FILE

running_process() { # FILE: prints the pid if it still runs
  local pid started
  [ -s "$1" ] || return 1
  read -r pid started <"$1"
  [ -n "$pid" ] && [ -n "$started" ] && [ "$(started_at "$pid")" = "$started" ] || return 1
  printf '%s\n' "$pid"
}

stop_process() { # FILE SECONDS: TERM, then KILL
  local pid i
  pid=$(running_process "$1") || { rm -f "$1"; return 0; }
  kill -TERM "$pid" 2>/dev/null || true
  for ((i = 0; i < $2 * 10; i++)); do
    running_process "$1" >/dev/null || break
    sleep 0.1
  done
  if running_process "$1" >/dev/null; then
    printf 'pid %s did not stop within %s s; killing it\n' "$pid" "$2" >&2
    kill -KILL "$pid" 2>/dev/null || true
  fi
  rm -f "$1"
}
