#!/usr/bin/env bash
# Goal: two tunnels of one redundancy group, for the same pair of ranges over a private line each.
# With one metric they share the load, with two the smaller is taken; a line that is cut leaves all
# traffic to the other one, and takes its part again when it is back. So it is with devices, where
# routes decide, and without, where the kernel has one place for the policies of both.
# Method: the only routes between the hosts are those that the daemons deliver. What each tunnel
# carried is read off the kernel's SAs; the lines are cut in their middle, so that nobody is told;
# what is sent meanwhile is seen there, and nothing of it is in clear.
#
#                              +-- 10.8.1.1 == line-1 == 10.8.1.2 --+
#   host-left ------- gw-left -+                                    +- gw-right ------- host-right
#   192.168.1.10               +-- 10.8.2.1 == line-2 == 10.8.2.2 --+      192.168.3.1 to .24
#
# time limit: 240
# shellcheck source-path=SCRIPTDIR source=gateways.sh
. "$(dirname "$0")/gateways.sh"

readonly hosts=24 echoes=$repository/tests/netns/echoes.py

main() {
  topology
  declare_end gw-left 1 1 3 2
  declare_end gw-right 3 2 1 1
  gateway_start gw-right
  gateway_start gw-left
  both_share_the_load
  one_line_carries_all
  the_smaller_metric_is_taken
  without_devices
  the_end
}

# --- what there is -----------------------------------------------------------------------------

topology() {
  make_namespace host-left gw-left wire gw-right host-right
  link host-left eth0 gw-left lan
  link host-right eth0 gw-right lan
  "${enter[@]}" "wire-$$" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
  make_end gw-left left 1 1
  make_end gw-right right 3 2
  ip_lines wire <<END
link add line-1 type bridge stp_state 0 mcast_snooping 0
link add line-2 type bridge stp_state 0 mcast_snooping 0
link set left-1 master line-1 up
link set left-2 master line-2 up
link set right-1 master line-1 up
link set right-2 master line-2 up
link set line-1 up
link set line-2 up
END
  ip_lines host-left <<END
address add 192.168.1.10/24 dev eth0
link set eth0 up
route add default via 192.168.1.254
END
  local n
  {
    for ((n = 1; n <= hosts; n++)); do echo "address add 192.168.3.$n/24 dev eth0"; done
    echo "link set eth0 up"
    echo "route add default via 192.168.3.254"
  } | quietly_in_ns host-right ip -batch -
}

# make_end NS NAME SUBNET END
make_end() {
  link "$1" line-1 wire "$2-1"
  link "$1" line-2 wire "$2-2"
  "${enter[@]}" "$1-$$" sysctl -qw net.ipv4.ip_forward=1
  ip_lines "$1" <<END
address add 192.168.$3.254/24 dev lan
address add 10.8.1.$4/30 dev line-1
address add 10.8.2.$4/30 dev line-2
link set lan up
link set line-1 up
link set line-2 up
END
}

# declare_end NS SUBNET END PEER_SUBNET PEER_END
declare_end() {
  mkdir -p "$scratch/$1/conf.d"
  cat >"$scratch/$1/conf.d/site.toml" <<END
[[vpc]]
name = "vpc"
cidrs = ["192.168.$2.0/24", "172.16.$2.0/24"]
[[subnet]]
name = "edge"
vpc = "vpc"
cidr = "172.16.$2.0/24"
[[subnet]]
name = "lan"
vpc = "vpc"
cidr = "192.168.$2.0/24"
route_table = "main"
END
  local line
  for line in 1 2; do
    cat >>"$scratch/$1/conf.d/site.toml" <<END
[[gateway]]
name = "line-$line"
vpc = "vpc"
subnet = "edge"
public_address = "10.8.$line.$3"
[[peer]]
name = "line-$line"
address = "10.8.$line.$5"
[[tunnel]]
name = "line-$line"
gateway = "line-$line"
peer = "line-$line"
group = "pair"
interface = "tunnel-$line"
local_cidrs = ["192.168.$2.0/24"]
peer_cidrs = ["192.168.$4.0/24"]
psk = "the-key-of-line-$line"
dpd = { delay_s = 1, timeout_s = 2 }
END
  done
}

# --- what is looked at -------------------------------------------------------------------------

# ways NS: the devices that the peer's range leads into, the one that is taken first; a comma
# between those that share.
ways() {
  quietly_in_ns "$1" ip route show table main proto "$ROUTE_PROTO" | awk '
    /^192/ { metric = 0; for (i = 1; i < NF; i++) if ($i == "metric") metric = $(i + 1) }
    { for (i = 1; i < NF; i++) if ($i == "dev") {
        way[metric] = way[metric] (way[metric] ? "," : "") $(i + 1) } }
    END { for (m in way) print m, way[m] }' | sort -n | cut -d' ' -f2 | paste -sd ' '
}
ways_are() {
  local both
  both="$(ways gw-left) | $(ways gw-right)"
  echo "$both"
  [ "$both" = "$1 | $1" ]
}

# sent_over LINE: packets that gw-left's SAs to the other end of the line have carried.
sent_over() {
  quietly_in_ns gw-left ip -s xfrm state list nokeys | awk -v to="10.8.$1.2" '
    $1 == "src" { ours = $4 == to } /lifetime current:/ { current = ours; next }
    current { split($2, packets, "("); sum += packets[1]; current = 0 } END { print sum + 0 }'
}

# Each host of the right once: how many answered.
answers() {
  local n pairs=() silent
  for ((n = 1; n <= hosts; n++)); do pairs+=("192.168.1.10,192.168.3.$n"); done
  silent=$(quietly_in_ns host-left python3 "$echoes" 2 "${pairs[@]}" | wc -l)
  echo $((hosts - silent))
}
all_answer() { local up; up=$(answers); echo "$up answer"; [ "$up" = "$hosts" ]; }

# expect_load LESS_1 LESS_2 WHAT: all hosts answer; each line carries more than so many packets, or
# exactly none where a dash stands.
expect_load() {
  local before=("$(sent_over 1)" "$(sent_over 2)") line sent=() wanted
  expect_eq "$(answers)" "$hosts" "hosts that answer, $3"
  for line in 1 2; do
    sent[line]=$(($(sent_over "$line") - before[line - 1]))
    wanted=${!line}
    if [ "$wanted" = - ]; then
      expect_eq "${sent[line]}" 0 "packets over line-$line"
    elif [ "${sent[line]}" -le "$wanted" ]; then
      fail "line-$line carried ${sent[line]} packets, not more than $wanted"
    fi
  done
  expect_eq $((sent[1] + sent[2])) "$hosts" \
    "packets over line-1 (${sent[1]}) and line-2 (${sent[2]})"
}

cut_line() {
  say "line-$1 is cut in its middle"
  ip_lines wire <<<"link set right-$1 down"
}
mend_line() { ip_lines wire <<<"link set right-$1 up"; }

# --- the story ---------------------------------------------------------------------------------

both_share_the_load() {
  wait_until 30 "both tunnels share a route" ways_are tunnel-1,tunnel-2
  expect_load 0 0 "over both lines"
  expect_eq "$(ctl gw-left -o csv routes | grep -c ',ok,')" 2 "routes that are told to be in place"
}

one_line_carries_all() {
  cut_line 1
  wait_until 30 "the other line has the route alone" ways_are tunnel-2
  expect_load - 0 "over line-2"
  mend_line 1
  wait_until 60 "both share it again" ways_are tunnel-1,tunnel-2
  expect_load 0 0 "over both lines"
  cut_line 2
  wait_until 30 "the other line has the route alone" ways_are tunnel-1
  expect_load 0 - "over line-1"
  mend_line 2
  wait_until 60 "both share it again" ways_are tunnel-1,tunnel-2
}

the_smaller_metric_is_taken() {
  say "line-2 stands by"
  for gateway in gw-left gw-right; do
    ctl $gateway tunnel set line-2 --route-metric 200 >&2
  done
  wait_until 10 "each has a route of its own" ways_are "tunnel-1 tunnel-2"
  expect_load 0 - "over line-1"
  cut_line 1
  wait_until 30 "the one that stands by is taken" ways_are tunnel-2
  expect_load - 0 "over line-2"
  mend_line 1
  wait_until 60 "line-1 has its route back" ways_are "tunnel-1 tunnel-2"
  expect_load 0 - "over line-1"
}

# The policies of both want the same place: one is in it, and the other comes when it is gone.
without_devices() {
  say "without devices"
  for gateway in gw-left gw-right; do
    ctl $gateway tunnel set line-1 --interface '' >&2
    ctl $gateway tunnel set line-2 --interface '' --route-metric 100 >&2
  done
  wait_until 30 "both ways are in one route" ways_are line-1,line-2
  wait_until 10 "all hosts answer" all_answer
  capture_start wire line-1 clear-1
  capture_start wire line-2 clear-2
  start host-left flow ping -q -i 0.1 192.168.3.1
  local line
  for line in 1 2; do
    cut_line $line
    wait_until 30 "the other line has the route alone" ways_are line-$((3 - line))
    wait_until 10 "all hosts answer over the other line" all_answer
    mend_line $line
    wait_until 60 "both ways are back" ways_are line-1,line-2
    wait_until 10 "all hosts answer" all_answer
  done
  stop flow INT
  for line in 1 2; do
    capture_stop clear-$line
    expect_no_clear_text clear-$line 192.168.0.0/16
    expect_esp_at_least clear-$line 10
  done
}

the_end() {
  end_limit_s=20 gateway_end gw-left gw-right
  expect_nothing_left gw-left gw-right
}

main "$@"
