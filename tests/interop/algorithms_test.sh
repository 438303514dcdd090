#!/usr/bin/env bash
# Goal: every algorithm of the registry that charon speaks too comes to the same keys on both sides,
# whoever begins: ciphers, integrity, PRFs and groups of IKE, and those of ESP and AH.
# Method: a table of tunnels in which each algorithm stands at least once; half of the rows begun by
# us, half by charon, then the same the other way round. A tunnel comes up only if all of the IKE
# algorithms work in both directions; the ESP and AH keys are compared.
# time limit: 240
# shellcheck source-path=SCRIPTDIR source=charon.sh
. "$(dirname "$0")/charon.sh"

# IKE proposal | ESP or AH proposal. Ours; charon's names are made from these.
readonly algorithms=(
  "aes128-sha1-prfsha1-modp1024|esp aes128-sha1"
  "aes192-sha256-prfsha256-modp1536|esp aes192-sha256"
  "aes256-sha384-prfsha384-modp2048|esp aes256-sha384"
  "aes128-sha512-prfsha512-modp3072|esp aes256-sha512"
  "aes256-md5-prfmd5-modp768|esp aes128-md5"
  "3des-sha1-prfsha1-modp2048s256|esp 3des-sha1"
  "3des-md5-prfsha256-ecp256|esp des-md5"
  "des-sha256-prfmd5-modp4096|esp 3des-sha256"
  "aes128ctr-sha256-prfsha256-ecp384|esp aes128ctr-sha256"
  "aes192ctr-sha384-prfsha512-ecp521|esp aes192ctr-sha512"
  "aes256ctr-sha512-prfsha1-x25519|esp aes256ctr-sha1"
  "aes128gcm16-prfsha256-x25519|esp aes128gcm16"
  "aes192gcm16-prfsha384-ecp256|esp aes192gcm16"
  "aes256gcm16-prfsha512-ecp384|esp aes256gcm16"
  "chacha20poly1305-prfsha256-ecp521|esp chacha20poly1305"
  "aes128-sha256-prfsha256-modp6144|esp null-sha256"
  "aes256gcm16-prfsha1-modp8192|ah sha256"
  "aes192-sha1-prfsha512-x25519|ah sha1"
  "aes256-sha512-prfsha384-x25519|ah sha512"
  "chacha20poly1305-prfmd5-x25519|ah sha384"
  "aes128-sha384-prfsha1-ecp256|ah md5"
  "aes128gcm16-prfsha512-modp2048|esp aes128gcm16-esn"
)

main() {
  start_both "threads = 16"
  capture_start ours eth0 exchanges
  round 0
  both_without
  round 1
  expect_no_failures_but_ends
  capture_stop exchanges
  expect_clean_capture exchanges chacha20poly1305 des
  stop_both
}

# round PARITY: the rows of that parity are begun by charon. Rounds differ in the numbers of their
# tunnels, so charon's connections of the first stay out of the second.
round() {
  local parity=$1 i n children=${#algorithms[@]}
  for ((i = 0; i < children; i++)); do print_connection "$i" "$parity"; done | load_connections
  for ((i = 0; i < children; i++)); do
    if begun_by_charon "$i" "$parity"; then our_end "$i" start=respond; fi
  done
  for ((i = 0; i < children; i++)); do
    if begun_by_charon "$i" "$parity"; then
      swan --initiate --child "n$((i + 1))"
    else
      our_end "$i" start=automatic
    fi
  done
  for ((i = 0; i < children; i++)); do
    n=$((i + 1))
    wait_until 30 "${algorithms[i]} is up" says_times "$((parity + 1))" "child-up t$n "
  done
  expect_same_keys $((2 * children))
  expect_negotiated
}

# What each side says it has agreed on is the row, whole and in these words: ours in the newest lines
# of the tunnel, charon's in its list of SAs.
expect_negotiated() {
  local i n ike child theirs
  theirs=$(list_sas)
  for ((i = 0; i < ${#algorithms[@]}; i++)); do
    n=$((i + 1)) ike=${algorithms[i]%|*} child=${algorithms[i]#*|}
    expect_same "IKE of t$n" "$(our_algorithms ike-up "$n")" "$(our_ike_words "$ike")"
    expect_same "child of t$n" "$(our_algorithms child-up "$n")" "$(our_child_words "$child")"
    expect_same "IKE of c$n" "$(charon_algorithms "c$n:" 4 "$theirs")" "$(charon_words "$ike")"
    expect_same "child of n$n" "$(charon_algorithms "n$n:" 1 "$theirs")" \
      "$(charon_words "${child#* }" "${child% *}")"
  done
  printf 'ok %s tunnels have what they were to have, on both sides\n' "${#algorithms[@]}" >&2
}

expect_same() { [ "$2" = "$3" ] || fail "$1: expected '$3', found '$2'"; }

our_algorithms() {
  sed -n "s/^$1 t$2 .*algorithms=\([^ ]*\).*/\1/p" "$scratch/ours.log" | tail -n 1
}

# A PRF of the integrity's hash is not named.
our_ike_words() {
  local integrity prf
  integrity=${1#*-} integrity=${integrity%%-*}
  prf=-prf$integrity
  echo "${1/"$prf"/}"
}

# "ah:" stands before those of AH.
our_child_words() {
  local words=${1#* }
  if [[ $1 = ah\ * ]]; then words=ah:$words; fi
  echo "$words"
}

# charon_algorithms BEGINNING LINE LIST: of the item that begins so, its LINEth line's algorithms.
charon_algorithms() {
  awk -v begin="$1" -v at="$2" '$1 == begin { line = NR } line && NR == line + at - 1 { print $NF; exit }' \
    <<<"$3"
}

begun_by_charon() { [ $(($1 % 2)) = "$2" ]; }

our_end() {
  local row=${algorithms[$1]}
  local ike=${row%|*} child=${row#*|}
  our_tunnel "$(($1 + 1))" "ike=$ike" "${child% *}=${child#* }" "$2"
}

# charon_words ALGORITHMS [esp|ah]: as `swanctl --list-sas` says them.
charon_words() {
  local word out=""
  for word in ${1//-/ }; do
    case $word in
      aes*gcm16) word=${word#aes} word=AES_GCM_16-${word%gcm16} ;;
      aes*ctr) word=${word#aes} word=AES_CTR-${word%ctr} ;;
      aes*) word=AES_CBC-${word#aes} ;;
      3des | des) word=${word^^}_CBC ;;
      chacha20poly1305) word=CHACHA20_POLY1305 ;;
      md5 | sha1) word=HMAC_${word^^}_96 ;;
      sha256 | sha384 | sha512) word=HMAC_SHA2_${word#sha}_$((${word#sha} / 2)) ;;
      prfmd5 | prfsha1) word=${word#prf} word=PRF_HMAC_${word^^} ;;
      prf*) word=PRF_HMAC_SHA2_${word#prfsha} ;;
      modp2048s256) word=MODP_2048_256 ;;
      modp*) word=MODP_${word#modp} ;;
      ecp*) word=ECP_${word#ecp} ;;
      x25519) word=CURVE_25519 ;;
      *) word=${word^^} ;;
    esac
    out+="${out:+/}$word"
  done
  local protocol=${2:-}
  echo "${protocol:+${protocol^^}:}$out"
}

print_connection() {
  # charon's name of one group is another.
  local row=${algorithms[$1]//x25519/curve25519}
  local ike=${row%|*} child=${row#*|}
  connection "$(($1 + 1))" "proposals=$ike" "child.${child% *}_proposals=${child#* }"
}

both_without() {
  say "all removed, then the other way round"
  local i
  for ((i = 1; i <= ${#algorithms[@]}; i++)); do tell "forget t$i"; done
  wait_until 30 "charon has none left" has_no_charon_sas
}

has_no_charon_sas() { [ -z "$(charon_sas)" ]; }

expect_no_failures_but_ends() {
  local words
  for words in try-failed exchange-failed wrong:; do
    if says "$words"; then fail "there was '$words' on our side"; fi
  done
}

main
