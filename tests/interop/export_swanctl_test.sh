#!/usr/bin/env bash
# Goal: charon loads what we export as swanctl.conf unchanged, and the tunnels come up with the same
# keys on both sides: see export.sh for the tunnels.
# shellcheck source-path=SCRIPTDIR source=export.sh
. "$(dirname "$0")/export.sh"

main() {
  start_both "threads = 16"
  write_toml
  tell_ours
  export_all swanctl >"$scratch/swanctl.conf"
  swan --load-all --file "$scratch/swanctl.conf"
  tell_ours_to_begin
  expect_all_up
  stop_both
}

main
