#!/usr/bin/env bash
# Goal: what an operator does less often than day by day, against a daemon whose tunnel carries traffic:
# files of other products out and in, a reload, the log, old events, watching, other people's accounts,
# a file that is all there shall be, the end of the daemon alone. None of it costs the tunnel a packet.
# Method: what a command says is compared with what the daemon does.
#
#   host-left ----- gw-left ===== wire ===== gw-right ----- host-right
#        192.168.1.0/24        203.0.113.0/24       192.168.3.0/24
#
# time limit: 180
# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "$0")/gateways.sh"

main() {
  topology_two_gateways
  declare_both ""
  gateway_start gw-left
  gateway_start gw-right
  wait_until 20 "the tunnel carries pings" ping_passes
  local before
  before=$(spis)
  it_is_written_for_its_peer
  tunnels_of_another_program_are_taken_over
  accounts_are_apart
  the_gateway_is_shown
  its_routes_are_listed
  the_log_is_turned
  old_events_are_left_out
  what_came_to_nothing_is_counted
  a_reload_says_what_is_wrong
  a_file_is_all_there_shall_be
  expect_eq "$(spis)" "$before" "SPIs after all of that"
  the_tunnel_is_watched
  the_daemon_ends_alone
}

ping_passes() { quietly_in_ns host-left ping -q -c 1 -W 1 192.168.3.10; }
spis() { quietly_in_ns gw-left ip xfrm state list nokeys | awk '$1 == "proto" { print $4 }' | sort; }
ctl_q() { local namespace=$1; shift; quietly_in_ns "$namespace" ipsecctl --run-dir "$scratch/$namespace/run" "$@"; }
# expect_status CODE ARGUMENT...: of ipsecctl at gw-left; its words are in $said.
expect_status() {
  local expected=$1 status=0
  shift
  said=$(ctl_q gw-left "$@" 2>&1 </dev/null) || status=$?
  expect_eq "$status" "$expected" "exit status of '$*' ($said)"
}
expect_words() {
  local words
  for words; do [[ $said = *"$words"* ]] || fail "expected '$words' in: $said"; done
}
expect_no_words() {
  local words
  for words; do [[ $said != *"$words"* ]] || fail "found '$words' in: $said"; done
}

# M129, M136: what is exported is told of this tunnel, and its key only to who asks for it.
it_is_written_for_its_peer() {
  say "export"
  expect_status 0 tunnel export to-other --format swanctl
  expect_words "local_addrs = 203.0.113.1" "remote_addrs = 203.0.113.2" "remote_ts = 192.168.3.0/24"
  expect_no_words a-key-for-tests-only
  expect_status 0 tunnel export to-other --format swanctl --side peer --show-secrets
  expect_words "local_addrs = 203.0.113.2" "remote_addrs = 203.0.113.1" a-key-for-tests-only
  expect_status 0 tunnel export to-other --format literal
  expect_words "conn to-other-tun-" "left=203.0.113.1" "rightsubnet=192.168.3.0/24"
  expect_status 2 tunnel export to-other --format papyrus
  expect_words juniper-srx
  expect_status 3 tunnel export nowhere --format literal
  ctl gw-left tunnel export to-other --format cisco-asa --output "$scratch/asa.txt"
  grep -q 203.0.113.2 "$scratch/asa.txt" || fail "the file for the device does not name the peer"
}

tunnels_of_another_program_are_taken_over() {
  say "import"
  cat >"$scratch/old.conf" <<'END'
connections {
  office {
    version = 2
    local_addrs = 203.0.113.21
    remote_addrs = 203.0.113.99
    local {
      auth = psk
    }
    remote {
      auth = psk
    }
    children {
      net {
        local_ts = 10.1.0.0/24
        remote_ts = 10.20.0.0/16
        start_action = none
        updown = /bin/true
      }
    }
  }
}
secrets {
  ike-office {
    id = 203.0.113.99
    secret = "another-key-for-tests"
  }
}
END
  expect_status 0 import swanctl "$scratch/old.conf"
  expect_words "old.conf:" updown "tunnel office" "this was the plan"
  expect_eq "$(grep -c "gateway's own subnet" <<<"$said")" 1 "times that one thing is warned of"
  expect_status 3 tunnel show office
  expect_status 0 -o toml import swanctl "$scratch/old.conf"
  expect_words 'peer_cidrs = ["10.20.0.0/16"]' 'address = "203.0.113.99"'
  expect_status 0 --account branch import swanctl "$scratch/old.conf" --apply
  printf 'connections {\n  office {\n' >"$scratch/broken.conf"
  expect_status 1 import swanctl "$scratch/broken.conf"
  expect_words "broken.conf:"
}

# M154
accounts_are_apart() {
  say "accounts"
  expect_status 0 -o csv --account branch tunnel list
  expect_words "office,"
  expect_no_words to-other
  expect_status 0 -o csv tunnel list
  expect_words "to-other,"
  expect_no_words office
  expect_status 3 --account branch tunnel show to-other
  expect_status 0 --account branch tunnel show office --show-secrets
  expect_words another-key-for-tests
  expect_status 0 --account branch dump
  expect_words office
  expect_no_words to-other
}

# Of M112 and M116 what there is; M106, M109.
the_gateway_is_shown() {
  say "the gateway in full"
  ctl gw-left gateway set gw --remarks "the way out" --bandwidth-mbps 100 --protection shield-1 \
    --security-group sg-7
  ctl_q gw-left -o json gateway show gw | python3 -c '
import json, sys
(it,) = json.load(sys.stdin)["objects"]
assert it["name"] == "gw" and it["id"].startswith("gw-") and it["created"], it
fields = it["fields"]
assert fields["vpc"] == "vpc" and fields["subnet"] == "lan", fields
assert fields["public_address"] == "203.0.113.1", fields
assert fields["remarks"] == "the way out" and fields["bandwidth_mbps"] == 100, fields
assert fields["protection"] == "shield-1" and fields["security_group"] == "sg-7", fields
assert it["derived"]["tunnels"] == "1", it["derived"]' || fail "the gateway is shown otherwise"
  expect_status 0 gateway show gw
  expect_words "203.0.113.1" "the way out" shield-1 Running
  say "what protects it is taken from it again"
  ctl gw-left gateway set gw --protection ''
  expect_status 0 gateway show gw
  expect_no_words shield-1
}

its_routes_are_listed() {
  say "routes"
  expect_status 0 -o csv tunnel routes to-other
  expect_words "lan," ",192.168.3.0/24,"
  expect_status 3 tunnel routes nowhere
}

the_log_is_turned() {
  say "the log's level"
  expect_no_words "the control connection of root"
  ctl gw-left log-level debug
  wait_until 5 "it is told more" log_says ipsecd-gw-left "debug: the control connection of root"
  ctl gw-left log-level info
  local lines
  lines=$(grep -c debug: "$scratch/ipsecd-gw-left.log")
  ctl gw-left version >&2
  expect_eq "$(grep -c debug: "$scratch/ipsecd-gw-left.log")" "$lines" "lines once it is turned back"
  expect_status 2 log-level loud
  expect_status 3 log-level debug --tunnel nowhere
}

old_events_are_left_out() {
  say "events since"
  expect_status 0 events --since 1h
  expect_words child-up connected
  wait_until 20 "the newest is older than two seconds" nothing_since 2s
  expect_status 0 events --since 1h --most 1
  expect_eq "$(wc -l <<<"$said")" 1 "lines of the newest event"
  expect_status 2 events --since yesterday
  expect_words 90s
}
nothing_since() { [ -z "$(ctl_q gw-left events --since "$1")" ]; }

# counted OF NAME: the value, or nothing.
counted() { ctl_q gw-left -o csv counters | tr -d '\r' | sed -n "s/^$1,$2,//p"; }
was_counted() { [ "$(counted "$1" "$2")" = "$3" ]; }

what_came_to_nothing_is_counted() {
  say "counters"
  local received unusable
  received=$(counted sockets received) unusable=$(counted sockets unusable)
  [ "$received" -gt 0 ] || fail "no datagram was counted"
  expect_eq "$(counted messages malformed)" "" "malformed messages so far"
  # Two that are no IKE, one to everybody, and one of a version that nobody speaks.
  in_ns gw-right python3 -c '
import socket
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
for _ in range(2):
    out.sendto(b"no IKE at all", ("203.0.113.1", 500))
out.sendto(bytes(28), ("203.0.113.255", 500))
header = bytes(range(1, 9)) + bytes(8) + bytes([33, 0x30, 34, 8]) + bytes(4) + (28).to_bytes(4, "big")
out.sendto(header, ("203.0.113.1", 500))'
  wait_until 5 "what is no IKE is counted" was_counted messages malformed 2
  wait_until 5 "another version is counted" was_counted messages "unsupported IKE version" 1
  expect_eq "$(counted sockets unusable)" $((unusable + 1)) "datagrams to everybody"
  [ "$(counted sockets received)" -ge $((received + 4)) ] || fail "not all datagrams were counted"
  expect_eq "$(counted kernel refused)" 0 "refusals of the kernel"
}

a_reload_says_what_is_wrong() {
  say "reload"
  declare_site gw-left 1 3 1 2 'remarks = "to the office"'
  expect_status 0 reload
  expect_status 0 tunnel show to-other
  expect_words "to the office"
  cp "$scratch/gw-left/conf.d/site.toml" "$scratch/good.toml"
  echo 'peer_cidr = ["10.0.0.0/8"]' >>"$scratch/gw-left/conf.d/site.toml"
  expect_status 1 reload
  expect_words "site.toml:" "is 'peer_cidrs' meant?" "what is stored stays in force"
  cp "$scratch/good.toml" "$scratch/gw-left/conf.d/site.toml"
  echo '[log]
levle = "debug"' >"$scratch/gw-left/ipsecd.toml"
  expect_status 1 reload
  expect_words "ipsecd.toml:2:1" "'log.level'"
  : >"$scratch/gw-left/ipsecd.toml"
  expect_status 0 reload
}

a_file_is_all_there_shall_be() {
  say "prune"
  ctl gw-left peer create spare --address 203.0.113.77
  expect_status 2 apply -f "$scratch/good.toml" --prune
  expect_words "spare" "--yes"
  expect_status 0 apply -f "$scratch/good.toml"
  expect_status 0 peer show spare
  expect_status 0 apply -f "$scratch/good.toml" --prune --yes
  expect_words "deleted peer spare"
  expect_status 3 peer show spare
  expect_status 0 --account branch tunnel show office
}

the_tunnel_is_watched() {
  say "watching, of a tunnel whose log has errors alone"
  ctl gw-left log-level error --tunnel to-other
  start gw-left watch ipsecctl --run-dir "$scratch/gw-left/run" -o csv status --watch
  wait_until 10 "it is told" log_says watch ",connected,up,up,1,1,"
  ctl gw-left tunnel down to-other
  wait_until 10 "it is told anew" log_says watch ",idle,down,down,0,1,"
  ctl gw-left tunnel up to-other
  is_running watch || fail "it watches no more"
  stop watch INT
  wait_until 20 "the tunnel carries pings" ping_passes
  expect_eq "$(grep -c 'tunnel=to-other.*event=ike-down' "$scratch/ipsecd-gw-left.log")" 0 \
    "lines about a tunnel whose level is error"
}

# M101 and the like must not be confused with this: the kernel goes on.
the_daemon_ends_alone() {
  say "stop"
  local before
  before=$(spis)
  start host-left pings ping -q -i 0.05 -c 60 192.168.3.10
  ctl gw-left stop
  wait_until 10 "the daemon ends" has_ended "${processes[ipsecd-gw-left]}"
  stop ipsecd-gw-left
  wait_until 20 "60 pings came back" log_says pings "60 received"
  stop pings
  expect_eq "$(spis)" "$before" "SPIs without a daemon"
  expect_status 4 status
  stop ipsecd-gw-right
}

main "$@"
