#!/usr/bin/env bash
# Goal: in IKEv1 too a peer may come from any address. In main mode, which needs a key before it has
# heard a name, the key tells which tunnel is meant; in aggressive mode the name does. Status says
# which one it is and who is there. Who has another key or name is refused, with the cause.
# Method: seven tunnels for peers of any address, each with a key of its own in main mode and one key
# for all in aggressive mode; charon begins them all.
#
#   host-left ------ gw-left: ipsecd ===== wire ===== gw-right: charon ------ host-right
#   10.1.N.10          203.0.113.1                      203.0.113.(10+N)      10.2.N.10
#
# shellcheck source-path=SCRIPTDIR source=gateway_peer.sh
. "$(dirname "$0")/gateway_peer.sh"

readonly main_mode=(1 2 3) aggressive=(4 5) wrong_key=6 wrong_name=7

main() {
  peer_topology 7
  clear_is_seen 1 2 3 4 5
  left_site 7
  # All of them at any address.
  sed -i 's/^address = .*/address = "0.0.0.0"/' "$site_file"
  local n
  for n in "${main_mode[@]}" $wrong_key; do anywhere "$n" main "key-of-tunnel-$n"; done
  for n in "${aggressive[@]}" $wrong_name; do anywhere "$n" aggressive "$tunnel_key"; done
  left_start
  clear_is_blocked 1 2 3 4 5
  watch_clear
  right_start "i_dont_care_about_security_and_use_aggressive_mode_psk = yes" \
    "retransmit_base = 1" "retransmit_timeout = 2"
  charon_has
  # The last one first: its key is the last to be tried.
  for n in 3 2 1 5 4; do
    swan --initiate --child "n$n" --timeout 10
    it_is_up "$n"
  done
  pass left 1 2 3 4 5
  pass right 1 2 3 4 5
  expect_none_in_clear
  the_others_are_refused
  end_both
}

# anywhere N MODE KEY
anywhere() {
  tunnel_key_of=$3 left_tunnel "$1" "ike = { version = 1, mode = \"$2\", \
local_id = \"left.example.com\", peer_id = \"right$1.example.com\" }"
}

charon_has() {
  local n
  charon_secrets=''
  for n in "${main_mode[@]}"; do secret "$n" "right$n" "key-of-tunnel-$n"; done
  for n in "${aggressive[@]}"; do secret "$n" "right$n" "$tunnel_key"; done
  secret $wrong_key right$wrong_key key-of-nobody
  secret $wrong_name stranger "$tunnel_key"
  {
    for n in "${main_mode[@]}" $wrong_key; do named "$n" "right$n"; done
    for n in "${aggressive[@]}"; do named "$n" "right$n" aggressive=yes; done
    named $wrong_name stranger aggressive=yes
  } | load_connections
}

# secret N NAME KEY
secret() {
  charon_secrets+=$(printf 'ike-%s {\n id-1 = %s.example.com\n id-2 = left.example.com\n' "$1" "$2")
  charon_secrets+=$(printf '\n secret = %s\n}\n' "$3")$'\n'
}

# named N NAME [SETTING...]
named() {
  local n=$1 name=$2
  shift 2
  right "$n" version=1 "local.id=$name.example.com" remote.id=left.example.com "$@"
}

it_is_up() {
  local outside
  right_outside "$1"
  wait_connected "$1"
  expect_eq "$(status_of "$1" "(it['ike']['peer_id'], it['ike']['remote'])")" \
    "('right$1.example.com', '$outside:500')" "who is there of t$1"
}

the_others_are_refused() {
  expect_fails swan --initiate --child "n$wrong_key" --timeout 5
  wait_until 10 "t$wrong_key is refused" left_says "event=exchange-failed"
  expect_fails swan --initiate --child "n$wrong_name" --timeout 5
  wait_until 10 "the stranger is refused" left_says "stranger.example.com"
  ask events >"$scratch/events"
  grep -F exchange-failed "$scratch/events" >&2
  grep -qE 'authentication-failed.*pre-shared key' "$scratch/events" ||
    fail "no event says that the key is another"
  grep -qE 'no-proposal-chosen.*stranger\.example\.com' "$scratch/events" ||
    fail "no event names the stranger"
  local n
  for n in $wrong_key $wrong_name; do
    [[ $(states) = *"t$n,idle"* ]] || fail "t$n is not idle: $(states)"
  done
  is_connected 1 2 3 4 5 || fail "others were disturbed"
}

main "$@"
