#!/usr/bin/env bash
# Goal: routes of a table that a program keeps, as a cloud's behind its API: they are there while
# the tunnel is up, and no new IKE SA asks for a change. A program that hangs or is not there, an
# API that hangs or is down, another's route in the place: the tunnel stays up and carries, status
# says which route is missing and why, and the route comes by itself once that is over.
# Method: the example program as it is shipped, and a small REST server whose tables are files.
#
#   web 10.1.1.0/24, table rest:web --+
#   db  10.1.2.0/24, table rest:db  --+-- gw-left === wire === gw-right --- host-right 192.168.3.10
#   lab 10.1.3.0/24, table rest:lab --+     |
#                       program rest <------+------> 127.0.0.1:8443
#
# time limit: 300
# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "$0")/gateways.sh"

readonly peer_range=192.168.3.0/24 peer_host=192.168.3.10
readonly api=$scratch/api program=$scratch/route-program

main() {
  topology_two_gateways
  make_api
  start_api
  the_example_is_the_program
  declare_left
  declare_site gw-right 3 0 2 1
  sed -i 's|^peer_cidrs = .*|peer_cidrs = ["10.1.1.0/24", "10.1.2.0/24"]|' \
    "$scratch/gw-right/conf.d/site.toml"
  gateway_start gw-right
  gateway_start gw-left
  routes_come_and_go_with_the_tunnel
  a_new_ike_sa_changes_nothing
  a_program_that_hangs
  a_program_that_is_not_there
  an_api_that_hangs
  an_api_that_is_down
  others_hands
  a_deleted_tunnel_leaves_nothing
  the_end
}

# --- what there is -----------------------------------------------------------------------------

make_api() {
  mkdir "$api"
  local table
  for table in web db lab; do echo '[]' >"$api/$table.table"; done
  (umask 077 && cat >"$scratch/rest.json") <<'END'
{"url": "http://127.0.0.1:8443", "token": "sesame", "timeout_s": 3}
END
}

# It would end with its standard input; this one has no end.
start_api() {
  rm -f "$api/port"
  [ -p "$scratch/endless" ] || mkfifo "$scratch/endless"
  # shellcheck disable=SC2016  # expanded in there
  start gw-left api bash -c 'exec 3<>"$0" && exec "$@" <&3' "$scratch/endless" \
    python3 "$repository/tests/support/rest_tables.py" "$api" 8443
  wait_until 10 "the API is there" test -s "$api/port"
}

# the_program_is: its lines are standard input. In one step: a run finds the old or the new one.
the_program_is() {
  { echo '#!/bin/sh' && cat; } >"$program.new"
  chmod 755 "$program.new"
  mv "$program.new" "$program"
}
the_example_is_the_program() {
  the_program_is <<<"exec $repository/scripts/route-exec-rest --config $scratch/rest.json"
}

declare_left() {
  mkdir -p "$scratch/gw-left/conf.d"
  cat >"$scratch/gw-left/ipsecd.toml" <<END
[routes]
program_timeout_s = 12
[routes.programs]
rest = "$program"
END
  cat >"$scratch/gw-left/conf.d/site.toml" <<'END'
[[vpc]]
name = "vpc"
cidrs = ["10.1.0.0/16"]
[[subnet]]
name = "edge"
vpc = "vpc"
cidr = "10.1.0.0/24"
[[gateway]]
name = "gw"
vpc = "vpc"
subnet = "edge"
public_address = "203.0.113.1"
[[peer]]
name = "other"
address = "203.0.113.2"
END
  local name number=0
  for name in web db lab; do
    number=$((number + 1))
    cat >>"$scratch/gw-left/conf.d/site.toml" <<END
[[subnet]]
name = "$name"
vpc = "vpc"
cidr = "10.1.$number.0/24"
route_table = "rest:$name"
END
  done
  cat >>"$scratch/gw-left/conf.d/site.toml" <<END
[[tunnel]]
name = "to-other"
gateway = "gw"
peer = "other"
local_cidrs = ["10.1.1.0/24", "10.1.2.0/24"]
peer_cidrs = ["$peer_range"]
psk = "a-key-for-tests-only"
END
  ip_lines gw-left <<<"address add 10.1.1.10/32 dev lo"
  ip_lines gw-right <<<"route add 10.1.0.0/16 via 203.0.113.1"
}

# --- what is looked at -------------------------------------------------------------------------

has_route() { [[ $(<"$api/$1.table") = *'"owner": "ipsecd"'*"$peer_range"* ]]; }
has_no_route() { ! has_route "$1"; }
both_have_routes() { has_route web && has_route db; }
neither_has_routes() { has_no_route web && has_no_route db; }
# How often the API was told to change something.
changes() { grep -cE '^(POST|PUT|DELETE)' "$api/calls" || true; }

shown() { quietly_in_ns gw-left ipsecctl --run-dir "$scratch/gw-left/run" tunnel show to-other; }
trouble_is() { [[ $(shown) = *"$1"* ]]; }
no_trouble() { ! trouble_is "in table"; }
status_is() {
  [[ $(quietly_in_ns gw-left ipsecctl --run-dir "$scratch/gw-left/run" -o csv status |
    sed -n 2p) = *",$1,"* ]]
}
carries() {
  in_ns gw-left ping -q -c 2 -i 0.2 -W 2 -I 10.1.1.10 "$peer_host" >&2
}
switch_off() {
  ctl gw-left tunnel down to-other >&2
  wait_until 20 "the routes are withdrawn" neither_has_routes
}
switch_on() {
  ctl gw-left tunnel up to-other >&2
  wait_until 20 "the tunnel is up" status_is connected
}

# expect_trouble WORDS: told of a route in its table, while the tunnel is up and carries.
expect_trouble() {
  wait_until 30 "the trouble is told: $1" trouble_is "$1"
  [[ $(shown) = *"$peer_range in table rest:"* ]] || fail "which route it is is not said: $(shown)"
  status_is connected || fail "the tunnel is not up"
  carries
  grep -q ",failed,\|,conflict," <<<"$(ctl gw-left -o csv routes --drift)" ||
    fail "no drift is shown"
}
# Tried again with growing pauses, of 30 s at most.
expect_recovery() {
  wait_until 60 "the routes come by themselves" both_have_routes
  wait_until 10 "nothing is amiss any more" no_trouble
  expect_eq "$(ctl gw-left -o csv routes | grep -c ',ok,')" 2 "routes that are told to be in place"
}

# --- the story ---------------------------------------------------------------------------------

routes_come_and_go_with_the_tunnel() {
  wait_until 30 "the tunnel is up" status_is connected
  wait_until 30 "the API has the routes" both_have_routes
  expect_eq "$(<"$api/lab.table")" "[]" "the table of a subnet that the tunnel does not serve"
  expect_eq "$(python3 -c "
import json
one, = json.load(open('$api/web.table'))
print(*(one[it] for it in ('destination', 'metric', 'type', 'next_hops', 'mtu', 'owner')))")" \
    "$peer_range 100 unicast [{'via': '203.0.113.1'}] 1446 ipsecd" "the route of web"
  carries
  switch_off
  switch_on
  wait_until 30 "the API has the routes" both_have_routes
}

a_new_ike_sa_changes_nothing() {
  local before
  before=$(changes)
  ctl gw-left tunnel reconnect to-other >&2
  wait_until 20 "the tunnel is up" status_is connected
  carries
  routes_settle
  expect_eq "$(changes)" "$before" "changes that the API was told"
}

a_program_that_hangs() {
  say "a program that hangs"
  switch_off
  the_program_is <<<"exec sleep 600"
  switch_on
  expect_trouble "rest: it did not end within 12 s"
  neither_has_routes || fail "who put the routes there?"
  the_example_is_the_program
  expect_recovery
}

a_program_that_is_not_there() {
  say "a program that is not there"
  switch_off
  rm "$program"
  switch_on
  expect_trouble "No such file"
  the_example_is_the_program
  expect_recovery
}

an_api_that_hangs() {
  say "an API that hangs"
  switch_off
  yes 'slow 600' | head -n 1000 >"$api/faults" || true
  switch_on
  expect_trouble "timed out"
  rm "$api/faults"
  expect_recovery
}

an_api_that_is_down() {
  say "an API that is down"
  switch_off
  stop api
  switch_on
  expect_trouble "Connection refused"
  start_api
  expect_recovery
}

others_hands() {
  say "another's route in the place"
  switch_off
  cat >"$api/web.table" <<<"[{\"owner\": \"pcx-7\", \"destination\": \"$peer_range\",
    \"metric\": 100}]"
  switch_on
  expect_trouble "pcx-7"
  wait_until 10 "db has its route for all that" has_route db
  [[ $(<"$api/web.table") = *pcx-7* ]] || fail "another's route is gone"
  say "it goes, and ours of db with it: a program tells of no drift, so tables are looked at"
  echo '[]' >"$api/web.table"
  echo '[]' >"$api/db.table"
  expect_recovery
}

a_deleted_tunnel_leaves_nothing() {
  ctl gw-left tunnel delete --yes to-other >&2
  wait_until 20 "the routes are cleared" neither_has_routes
  expect_eq "$(<"$api/web.table") $(<"$api/db.table")" "[] []" "what the API has"
  kill -HUP "${processes[ipsecd-gw-left]}"
  wait_until 30 "the API has the routes of the tunnel made anew" both_have_routes
}

the_end() {
  say "stop --flush leaves nothing with the API either"
  end_limit_s=20 gateway_end gw-left
  expect_eq "$(<"$api/web.table") $(<"$api/db.table")" "[] []" "what the API has"
  stop api
  stop ipsecd-gw-right
  expect_nothing_left gw-left
}

main "$@"
