#!/usr/bin/env bash
# Goal: over a line that loses 30 % each way, takes 200 ms, reorders and doubles, tunnels come up and
# stay, or come back by themselves where all seven sends of a request were lost, whoever begins. Packets
# of 1428 bytes that must not be fragmented pass, and 5 MB of TCP both ways, in ESP as it is and in UDP.
# Over a line of small packets IKE goes in fragments of its own, and none of IP's is seen.
# Method: netem in the middle of the wire, towards both gateways.
#
#   host-left ------ gw-left: ipsecd ===== wire ===== gw-right: charon ------ host-right
#   10.1.N.10          203.0.113.1                      203.0.113.(10+N)      10.2.N.10
#
#   t1 to t6: begun over the bad line, the odd ones by us, the even ones by charon; t2, t3 in UDP
#   t7, t8: begun over the line of small packets, by us and by charon
#
# time limit: 240
# shellcheck source-path=SCRIPTDIR source=gateway_peer.sh
. "$(dirname "$0")/gateway_peer.sh"

readonly bad=(1 2 3 4 5 6) narrow=(7 8)
readonly netem=(loss 30% delay 200ms 20ms reorder 10% duplicate 5% limit 10000)
readonly small_mtu=576 fragment_bytes=548 transfer_bytes=5000000
readonly stays_s=25
# A name of 250 letters, and IKE_AUTH has two.
printf -v label '%060d' 7
readonly long_name=$label.$label.$label.$label.example

main() {
  local n
  peer_topology 8
  clear_is_seen "${bad[@]}" "${narrow[@]}"
  left_site 8
  for n in "${bad[@]}" "${narrow[@]}"; do left_tunnel "$n" "$(left_policy "$n")"; done
  left_start
  ask tunnel down t7
  clear_is_blocked 1 3 5 7
  for n in left right; do in_ns wire tc qdisc add dev $n root netem "${netem[@]}"; done
  # By itself charon waits 4, 7 and 13 s, and answers no request of ours while it lacks an answer.
  right_start "fragment_size = $fragment_bytes" "retransmit_timeout = 1" "retransmit_base = 1" \
    "retransmit_tries = 30"
  watch_clear
  they_come_up_and_stay
  for n in left right; do in_ns wire tc qdisc del dev $n root; done
  # What was under way over the bad line.
  wait_until 45 "all are up" after_echoes is_connected "${bad[@]}"
  for n in 1 2; do whole_packets_pass "$n"; done
  ike_is_in_fragments
  expect_none_in_clear
  end_both
}

left_policy() {
  local start=auto
  # Until there are packets charon begins; should one be lost, they bring it back.
  [ $(($1 % 2)) = 1 ] || start=traffic
  printf 'start = "%s"\n' $start
  case $1 in
    2 | 3) echo 'force_encapsulation = true' ;;
    7 | 8) echo "fragment_bytes = $fragment_bytes"
      printf 'ike = { encryption = ["aes128"], integrity = ["sha256"], dh = ["x25519"], '
      printf 'local_id = "l%s.%s", peer_id = "r%s.%s" }\n' "$1" "$long_name" "$1" "$long_name" ;;
  esac
}

print_right() {
  local n
  for n in 1 3 5; do right "$n"; done
  for n in 2 4 6; do right "$n" child.start_action=start; done
  # IKE_SA_INIT knows no fragments: it must be short.
  for n in "${narrow[@]}"; do
    right "$n" "local.id=r$n.$long_name" "remote.id=l$n.$long_name" proposals=aes128-sha256-curve25519
  done
}

they_come_up_and_stay() {
  say "over a line with netem ${netem[*]}"
  local n before end_us
  print_right | load_connections
  for n in 2 4 6; do
    wait_until 60 "charon has brought t$n up" left_says "tunnel=t$n phase=1 event=ike-up"
    [[ $(grep -m 1 "tunnel=t$n phase=1 event=" "$scratch/ipsecd-gw-left.log") = *event=ike-up* ]] ||
      fail "t$n was not begun by charon alone"
  done
  wait_until 60 "all are up" after_echoes is_connected "${bad[@]}"
  before=$(times_left_said event=ike-up)
  say "for $stays_s s, over which each is asked whether it lives"
  end_us=$((${EPOCHREALTIME/./} + stays_s * 1000000))
  wait_until $((stays_s + 5)) "$stays_s s are over" echoes_until "$end_us"
  wait_until 45 "all are up" after_echoes is_connected "${bad[@]}"
  printf 'ok %s tunnels are up; made anew meanwhile: %s\n' "${#bad[@]}" \
    $(($(times_left_said event=ike-up) - before)) >&2
  for n in "${bad[@]}"; do
    wait_until 45 "an echo comes back through t$n" quietly_in_ns host-left ping -q -c 10 -i 0.05 -W 1 \
      -I "10.1.$n.10" "10.2.$n.10"
  done
}
echoes_until() { after_echoes test "${EPOCHREALTIME/./}" -ge "$1"; }
after_echoes() {
  echo_wait_s=0.05 through_all left "${bad[@]}" >/dev/null
  "$@"
}

# --- large packets -----------------------------------------------------------------------------

whole_packets_pass() {
  say "whole packets through t$1"
  in_ns host-left ping -q -c 3 -i 0.1 -W 2 -M "do" -s 1400 -I "10.1.$1.10" "10.2.$1.10" >&2
  in_ns host-right ping -q -c 3 -i 0.1 -W 2 -M "do" -s 1400 -I "10.2.$1.10" "10.1.$1.10" >&2
  transfer left "10.1.$1.10" "10.2.$1.10"
  transfer right "10.2.$1.10" "10.1.$1.10"
}

# transfer SIDE FROM TO: from the host of that side; what arrives is what was sent.
transfer() {
  local other=left took_ms begun_us
  [ "$1" = right ] || other=right
  start "host-$other" taker python3 -c "
import hashlib, socket
server = socket.create_server(('$3', 5000))
print('ready', flush=True)
stream, _ = server.accept()
seen, sum = 0, hashlib.sha256()
while data := stream.recv(65536):
  seen, _ = seen + len(data), sum.update(data)
print(seen, sum.hexdigest())"
  wait_until 20 "the taker is ready" log_says taker ready
  begun_us=${EPOCHREALTIME/./}
  quietly_in_ns "host-$1" python3 -c "
import hashlib, random, socket
data = random.Random(1).randbytes($transfer_bytes)
stream = socket.create_connection(('$3', 5000), timeout=30, source_address=('$2', 0))
stream.sendall(data)
stream.close()
print(len(data), hashlib.sha256(data).hexdigest())" >"$scratch/sent"
  wait_until 30 "all has come" has_ended "${processes[taker]}"
  took_ms=$(((${EPOCHREALTIME/./} - begun_us) / 1000))
  unset "processes[taker]"
  expect_eq "$(tail -n 1 "$scratch/taker.log")" "$(<"$scratch/sent")" "bytes and hash from $2 to $3"
  printf 'ok in %s ms\n' "$took_ms" >&2
}

# --- small packets -----------------------------------------------------------------------------

# That of the wire is everyone's on it.
ike_is_in_fragments() {
  say "a line with packets of at most $small_mtu bytes"
  # The first payload is that of RFC 7383.
  local from skf='(udp port 500 and udp[24] = 53) or (udp port 4500 and udp[28] = 53)'
  in_ns gw-left ip link set wan mtu $small_mtu
  in_ns gw-right ip link set wan mtu $small_mtu
  capture_start wire left narrow
  ask tunnel up t7
  swan --initiate --child n8
  wait_connected "${narrow[@]}"
  pass left "${narrow[@]}"
  capture_stop narrow
  for from in "src host $left_outside" "not src host $left_outside"; do
    at_least "fragments of IKE, $from" \
      "$(packets narrow "($skf) and $from")" 2
  done
  expect_eq "$(packets narrow 'ip[6:2] & 0x3fff != 0')" 0 "fragments of IP"
  expect_eq "$(packets narrow "greater $((small_mtu + 15))")" 0 "packets that are longer"
}
at_least() {
  [ "$2" -ge "$3" ] || fail "$1: $2, and not at least $3"
  printf 'ok %s: %s, at least %s\n' "$1" "$2" "$3" >&2
}

main "$@"
