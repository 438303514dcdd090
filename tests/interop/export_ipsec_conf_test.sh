#!/usr/bin/env bash
# Goal: strongSwan's starter loads what we export as ipsec.conf unchanged, and the command in its
# heading makes the ipsec.secrets that goes with it; then the same for the literal form.
# Method: starter starts charon, as `ipsec start` would. See export.sh for the tunnels. The literal
# form pins the platforms' defaults, so the tunnel that names nothing shows it.
# shellcheck source-path=SCRIPTDIR source=export.sh
. "$(dirname "$0")/export.sh"

readonly starter=/usr/lib/ipsec/starter

main() {
  [ -x "$starter" ] || fail "no $starter: run scripts/setup"
  write_toml
  export_all ipsec.conf >"$scratch/ipsec.conf"
  make_secrets "$scratch/ipsec.conf"
  # It waits for charon's process id file to appear, so none may be there before.
  printf '%s\n' "umount /run/charon.pid" "rm -f /run/charon.pid" \
    "exec $starter --nofork --conf $scratch/ipsec.conf" >"$scratch/starter"
  charon_more_plugins=stroke charon_launch="bash $scratch/starter"
  make_both_ends
  start_ours
  wait_until 10 "first_contact is ready" log_says ours ready
  # Before charon: a starter's charon begins by itself, and gives up where nobody knows it.
  tell_ours
  start_charon "threads = 16"
  wait_until 20 "charon is ready" test -S "$scratch/charon.vici"
  # The starter tells it of one connection after the other.
  for name in e1 e2 e3 e4; do
    wait_until 20 "charon knows $name" charon_says "added configuration '$name'"
  done
  tell_ours_to_begin
  expect_all_up
  say "the form of M137"
  expect_literal
  stop_both
}

# As the heading of the export says.
make_secrets() {
  sed -n 's/^#secrets: //p' "$1" >"$scratch/ipsec.secrets"
}

expect_literal() {
  local up
  # Charon takes leave of e1, which waits for it to come again. An order of ours to end it would
  # hold until another one.
  stop charon
  wait_until 10 "e1 is down" says "ike-down e1 "
  rm -f "$scratch/charon.vici"
  export_tool "$scratch/site.toml" e1 literal peer >"$scratch/ipsec.conf"
  make_secrets "$scratch/ipsec.conf"
  up=$(grep -c '^child-up e1 ' "$scratch/ours.log")
  start_charon "threads = 16"
  wait_until 20 "e1 is up again" says_times "$((up + 1))" "child-up e1 "
  wait_until 5 "with the algorithms of the row" charon_says \
    "AES_CBC_128/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_1024"
}

main
