#!/usr/bin/env bash
# Goal: what ipsecd exports for the peer's side, as swanctl.conf and as ipsec.conf with its secrets,
# is loaded by strongSwan unchanged, and the tunnels come up with ipsecd, in IKEv2 and in IKEv1. And
# the other way: files in the shape of strongSwan's own examples, written for this end, are taken over
# by `ipsecctl import`, and the tunnels come up with a charon that has the other end of each.
# Method: one charon after another in the same place, so that each form stands by itself.
#
#   host-left ------ gw-left: ipsecd ===== wire ===== gw-right: charon ------ host-right
#   10.1.N.10          203.0.113.1                      203.0.113.(10+N)      10.2.N.10
#
#   t1  nothing named                      t2  named algorithms, and names as identities
#   t3  IKEv1, nothing else named          t4  IKEv1 in aggressive mode, as t2
#   t5  IKEv1, two ranges with two, begun by charon
#
# time limit: 180
# shellcheck source-path=SCRIPTDIR source=gateway_peer.sh
. "$(dirname "$0")/gateway_peer.sh"

readonly starter=/usr/lib/ipsec/starter
readonly named='ike = { encryption = ["aes256"], integrity = ["sha384"], dh = [20],
  local_id = "left.example.net", peer_id = "right.example.net" }
ipsec = { encryption = ["aes128gcm16"], pfs = [19] }'
readonly named_v1='ike = { version = 1, mode = "aggressive", encryption = ["aes256"],
  integrity = ["sha384"], dh = [20], local_id = "left.example.net", peer_id = "old.example.net" }
ipsec = { encryption = ["aes128gcm16"], pfs = ["none"] }'
readonly ranges_v1='start = "respond"
local_cidrs = ["10.1.5.0/24", "10.1.6.0/24"]
peer_cidrs = ["10.2.5.0/24", "10.2.6.0/24"]
ike = { version = 1 }'
readonly exported=(1 2 3 4 5)
readonly imported_key=a-key-of-the-imported

main() {
  [ -x "$starter" ] || fail "no $starter: run scripts/setup"
  peer_topology 6
  clear_is_seen "${exported[@]}"
  left_site 6
  left_tunnel 1
  left_tunnel 2 "${named//$'\n'  / }"
  left_tunnel 3 'ike = { version = 1 }'
  left_tunnel 4 "${named_v1//$'\n'  / }"
  left_tunnel 5 "$ranges_v1"
  left_start
  clear_is_blocked "${exported[@]}"
  watch_clear
  swanctl_takes_it
  starter_takes_it
  expect_none_in_clear
  end_both
  fresh_left
  swanctl_conf_is_taken
  ipsec_conf_is_taken_beside_it
  both_come_up
}

# --- out ---------------------------------------------------------------------------------------

# exports FORMAT: of all tunnels, one behind the other.
exports() {
  local n
  for n in "${exported[@]}"; do
    ask tunnel export "t$n" --format "$1" --side peer --show-secrets
  done
}

swanctl_takes_it() {
  say "swanctl.conf"
  exports swanctl >"$scratch/swanctl.conf"
  right_start "$aggressive_too"
  swan --load-all --file "$scratch/swanctl.conf"
  all_are_up
}

# It waits for charon's process id file to appear, so none may be there before.
starter_takes_it() {
  say "ipsec.conf"
  stop charon
  wait_until 20 "none is connected" none_is_connected
  exports ipsec.conf >"$scratch/ipsec.conf"
  sed -n 's/^#secrets: //p' "$scratch/ipsec.conf" >"$scratch/ipsec.secrets"
  printf '%s\n' "umount /run/charon.pid" "rm -f /run/charon.pid" \
    "exec $starter --nofork --conf $scratch/ipsec.conf" >"$scratch/starter"
  charon_more_plugins=stroke charon_launch="bash $scratch/starter" \
    right_start "$aggressive_too"
  all_are_up
}

# The export says so in its heading.
readonly aggressive_too="i_dont_care_about_security_and_use_aggressive_mode_psk = yes"

all_are_up() {
  wait_connected "${exported[@]}"
  wait_until 20 "all pairs of t5 are up" all_pairs_are_up 5
  pass left "${exported[@]}" 6
  pass right "${exported[@]}" 6
}
all_pairs_are_up() { [ "$(status_of "$1" "it['pairs_up'], it['pairs']")" = "4 4" ]; }

# --- in ----------------------------------------------------------------------------------------

# A gateway that knows of nothing.
fresh_left() {
  say "a fresh gateway"
  rm -rf "$scratch/gw-left"
  left_start
  expect_eq "$(ask -o csv tunnel list | wc -l)" 1 "lines of a list without tunnels"
}

swanctl_conf_is_taken() {
  say "a swanctl.conf"
  cat >"$scratch/ours.conf" <<END
connections {

   gw-gw {
      local_addrs  = $left_outside
      remote_addrs = 203.0.113.11

      local {
         auth = psk
         id = left.example.net
      }
      remote {
         auth = psk
         id = right.example.net
      }
      children {
         net-net {
            local_ts  = 10.1.1.0/24
            remote_ts = 10.2.1.0/24

            rekey_time = 5400
            rekey_bytes = 500000000
            esp_proposals = aes128gcm128-x25519
            start_action = start
         }
      }
      version = 2
      mobike = no
      rekey_time = 10800
      proposals = aes128-sha256-x25519
   }
}

secrets {
   ike-1 {
      id-1 = left.example.net
      secret = $imported_key
   }
   ike-2 {
      id-2 = right.example.net
      secret = $imported_key
   }
}
END
  is_taken 1 swanctl "$scratch/ours.conf"
}

ipsec_conf_is_taken_beside_it() {
  say "an ipsec.conf with its ipsec.secrets"
  cat >"$scratch/ours.ipsec.conf" <<END
# ipsec.conf - strongSwan IPsec configuration file

config setup

conn %default
	ikelifetime=60m
	keyexchange=ikev2
	authby=secret
	mobike=no

conn lan-lan
	left=$left_outside
	leftsubnet=10.1.2.0/24
	leftid=@left.example.net
	right=203.0.113.12
	rightsubnet=10.2.2.0/24
	rightid=@far.example.net
	ike=aes256-sha384-ecp384!
	esp=aes256-sha256!
	lifetime=60m
	auto=start
END
  printf '%s : PSK "%s"\n' "@left.example.net @far.example.net" "$imported_key" \
    >"$scratch/ours.secrets"
  chmod 600 "$scratch/ours.secrets"
  is_taken 2 ipsec.conf "$scratch/ours.ipsec.conf" --secrets "$scratch/ours.secrets"
}

# is_taken N FORMAT FILE OPTION...: the plan changes nothing; then there are N tunnels.
is_taken() {
  local n=$1
  shift
  ask import "$@" >&2
  expect_eq "$(tunnels_there)" $((n - 1)) "tunnels after the plan"
  ask import "$@" --apply >&2
  expect_eq "$(tunnels_there)" "$n" "tunnels after the import"
}
tunnels_there() { ask -o csv tunnel list | tail -n +2 | wc -l; }

# With a charon that has the other ends.
both_come_up() {
  clear_is_blocked 1 2
  watch_clear
  # shellcheck disable=SC2034  # read by charon.sh
  charon_secrets=$'ike-any {\n secret = '$imported_key$'\n}'
  right_start
  {
    right 1 local.id=right.example.net remote.id=left.example.net \
      proposals=aes128-sha256-x25519 child.esp_proposals=aes128gcm128-x25519
    right 2 local.id=far.example.net remote.id=left.example.net \
      proposals=aes256-sha384-ecp384 child.esp_proposals=aes256-sha256
  } | load_connections
  wait_until 30 "both are connected" are_connected 2
  local n
  for n in 1 2; do
    pass left "$n"
    pass right "$n"
  done
  expect_none_in_clear
  end_both
}
are_connected() { [ "$(states | grep -c ",connected$")" = "$1" ]; }

main "$@"
