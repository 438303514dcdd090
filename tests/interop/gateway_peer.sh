# shellcheck shell=bash
# ipsecd with ipsecctl on the left, Debian's charon on the right, each with a host behind it:
# sourced in place of the libraries it stands on.
#
#   host-left ------ gw-left: ipsecd ===== wire ===== gw-right: charon ------ host-right
#   10.1.N.10          203.0.113.1                      203.0.113.(10+N)      10.2.N.10
#
# Tunnel N has an address of its own at charon, so that charon takes none for another, whatever of
# it is wrong, and joins 10.1.N.0/24 with 10.2.N.0/24. Without protection the gateways route these to
# each other in clear.
#
#   peer_topology COUNT          the namespaces, with the addresses of so many tunnels
#   left_site COUNT              the VPC at gw-left, a subnet and a peer for each of them
#   left_tunnel N [TOML]         tunnel tN there; what is given goes into it
#   right N [SETTING...]         prints charon's connection cN, see `connection` of charon.sh
#   left_start, right_start      the daemons
#   ask ARGUMENT...              ipsecctl at gw-left, without being printed
#   status_of N EXPRESSION       of what `status` says of tN, as Python sees it
#   wait_connected N...          until each is connected
#   none_is_connected            of all, if they can be asked
#   clear_is_seen N..., clear_is_blocked N...
#   watch_clear, expect_none_in_clear, expect_none_of_ours_in_clear
#   flow NAME SECONDS SIZE N...  see flow_between of gateways.sh
#   pass FROM N...               an echo each through the tunnels, all of them answered
#   end_both [NS...]             both end, and nothing is left
# shellcheck source-path=SCRIPTDIR source=../netns/gateways.sh
. "$(dirname "${BASH_SOURCE[0]}")/../netns/gateways.sh"
# shellcheck source-path=SCRIPTDIR source=charon.sh
. "$(dirname "${BASH_SOURCE[0]}")/charon.sh"

readonly left_outside=203.0.113.1
readonly tunnel_key=a-key-for-tests-only
readonly site_file=$scratch/gw-left/conf.d/site.toml
# shellcheck disable=SC2034  # read by charon.sh
charon_namespace=gw-right
# shellcheck disable=SC2034
charon_secrets=$'ike-any {\n secret = '$tunnel_key$'\n}'

# Starting a subshell for each of hundreds of lines would take seconds.
right_outside() { printf -v outside '203.0.113.%s' $((10 + $1)); }

# --- the sites ---------------------------------------------------------------------------------

peer_topology() {
  [ -x "$charon_program" ] || fail "no $charon_program: run scripts/setup"
  topology_two_gateways
  local n outside
  for ((n = 1; n <= $1; n++)); do echo "address add 10.1.$n.10/24 dev eth0"; done | unseen host-left
  for ((n = 1; n <= $1; n++)); do echo "address add 10.2.$n.10/24 dev eth0"; done | unseen host-right
  for ((n = 1; n <= $1; n++)); do echo "address add 10.1.$n.1/24 dev lan"; done | unseen gw-left
  for ((n = 1; n <= $1; n++)); do
    right_outside "$n"
    printf 'address add 10.2.%s.1/24 dev lan\naddress add %s/24 dev wan\n' "$n" "$outside"
  done | unseen gw-right
}

# So many lines say nothing.
unseen() { ip -n "$1-$$" -batch -; }

left_site() {
  mkdir -p "$scratch/gw-left/conf.d"
  printf '%s\n[limits]\ntunnels_per_gateway = 250\npeers_per_region = 250\n' "${left_settings:-}" \
    >"$scratch/gw-left/ipsecd.toml"
  cat >"$site_file" <<END
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
public_address = "$left_outside"
END
  local n outside
  for ((n = 1; n <= $1; n++)); do
    right_outside "$n"
    printf '[[subnet]]\nname = "n%s"\nvpc = "vpc"\ncidr = "10.1.%s.0/24"\n' "$n" "$n"
    printf 'route_table = "main,netns=host-left-%s,via=10.1.%s.1"\n' "$$" "$n"
    printf '[[peer]]\nname = "p%s"\naddress = "%s"\n' "$n" "$outside"
  done >>"$site_file"
}

# What is given comes last, so that it may end in a table. It may name ranges of its own; the key is
# $tunnel_key, or what $tunnel_key_of says.
left_tunnel() {
  local ranges
  printf -v ranges 'local_cidrs = ["10.1.%s.0/24"]\npeer_cidrs = ["10.2.%s.0/24"]' "$1" "$1"
  if [[ ${2:-} = *_cidrs\ =* || ${2:-} = *rules\ =* ]]; then ranges=''; fi
  printf '[[tunnel]]\nname = "t%s"\ngateway = "gw"\npeer = "p%s"\npsk = "%s"\n%s\n%s\n' "$1" "$1" \
    "${tunnel_key_of:-$tunnel_key}" "$ranges" "${2:-}" >>"$site_file"
}

right() {
  local n=$1 outside
  right_outside "$1"
  shift
  connection "$n" "local_addrs=$outside" "remote_addrs=$left_outside" "local.id=$outside" \
    "remote.id=$left_outside" "$@"
}

left_start() { gateway_start gw-left; }

# shellcheck disable=SC2120  # settings are optional
right_start() {
  rm -f "$scratch/charon.vici"
  start_charon "threads = 16" "$@"
  wait_until 20 "charon is ready" test -S "$scratch/charon.vici"
}

# shellcheck disable=SC2120  # further namespaces are optional
end_both() {
  end_limit_s=20 gateway_end gw-left
  if [ -n "${processes[charon]:-}" ]; then stop charon; fi
  wait_until 10 "charon's SAs are gone" is_empty_of_xfrm gw-right
  expect_nothing_left gw-left gw-right "$@"
}
is_empty_of_xfrm() { [ -z "$(quietly_in_ns "$1" ip xfrm state list nokeys)" ]; }

# --- what is looked at -------------------------------------------------------------------------

ask() { quietly_in_ns gw-left ipsecctl --run-dir "$scratch/gw-left/run" "$@"; }

status_of() { of_one gw-left "t$1" "$2"; }

# The states of all, "tN,CONNECTION".
states() { of_each gw-left "it['name'] + ',' + it['connection']"; }

is_connected() {
  local all n
  all=$'\n'$(states)$'\n'
  for n; do
    [[ $all = *$'\n'"t$n,connected"$'\n'* ]] || { echo "t$n is not"; return 1; }
  done
}
wait_connected() { wait_until "${patience:-30}" "connected: $*" is_connected "$@"; }

none_is_connected() {
  local all_states
  all_states=$(states) && ! grep -q ',connected$' <<<"$all_states"
}

left_says() { log_says ipsecd-gw-left "$1"; }
# left_says_times COUNT WORDS: in so many lines or more.
left_says_times() { [ "$(times_left_said "$2")" -ge "$1" ]; }
times_left_said() { grep -cF -- "$1" "$scratch/ipsecd-gw-left.log" || true; }

# --- traffic -----------------------------------------------------------------------------------

readonly echoes=$repository/tests/netns/echoes.py

# through_all SIDE N...: echoes from the host of that side; prints the pairs that gave no answer.
through_all() {
  local pairs host=host-$1
  set_pairs "$@"
  quietly_in_ns "$host" python3 "$echoes" "${echo_wait_s:-1}" "${pairs[@]}"
}

# Sets `pairs`.
set_pairs() {
  local from=1 to=2 n
  [ "$1" = left ] || from=2 to=1
  shift
  pairs=()
  for n; do pairs+=("10.$from.$n.10,10.$to.$n.10"); done
}

pass() {
  expect_empty "echoes from $1 without an answer, of tunnels $(abridged "${@:2}")" through_all "$@"
}
abridged() { if [ $# -gt 12 ]; then echo "$1 to ${!#}"; else echo "$*"; fi; }

# What the hosts say in clear on the wire, and nothing else: long flows need no room. It is shown to
# see them in the beginning.
readonly in_clear='net 10.1.0.0/16 or net 10.2.0.0/16'

watch_clear() { capture_start wire left clear "$in_clear"; }

expect_none_in_clear() { expect_none_matches '' hosts; }
# Where charon, which has no policies that block, may let some through.
expect_none_of_ours_in_clear() { expect_none_matches 'src net 10.1.0.0/16' "our hosts"; }
expect_none_matches() {
  capture_stop clear
  local seen
  seen=$(packets clear "$1")
  [ "$seen" = 0 ] || tcpdump -n -r "$scratch/clear.pcap" -c 10 "$1" >&2 2>/dev/null
  expect_eq "$seen" 0 "packets of $2 in clear on the wire"
}

clear_is_seen() {
  say "without daemons the hosts reach each other in clear"
  watch_clear
  pass left "$@"
  capture_stop clear
  expect_eq "$(packets clear)" $((2 * $#)) "echoes and answers in clear"
}

# None of the echoes comes back, and none is on the wire.
clear_is_blocked() {
  say "nothing is let through in clear"
  watch_clear
  expect_eq "$(echo_wait_s=0.3 through_all left "$@" | wc -l)" $# "echoes without an answer"
  expect_none_in_clear
}

# --- counted flows -----------------------------------------------------------------------------

# flow NAME SECONDS SIZE N...: see flow_between of gateways.sh.
flow() {
  local pairs
  set_pairs left "${@:4}"
  flow_between "$1" "$2" "$3" "${pairs[@]}"
}
