// What the rows call. Each takes a message its row has admitted: the payloads required are there. A
// handler works on locals and commits last; where it refuses, the SA is as it was.
#pragma once

#include "ike/v2/channel.h"

namespace ipsec::v2 {

void handle_init_answer(Turn& turn, Sa& sa, const Received& message);
void handle_init_refusal(Turn& turn, Sa& sa, const Received& message);
void handle_auth_request(Turn& turn, Sa& sa, const Received& message);
void handle_auth_for_eap(Turn& turn, Sa& sa, const Received& message);
void handle_auth_answer(Turn& turn, Sa& sa, const Received& message);
void handle_auth_refusal(Turn& turn, Sa& sa, const Received& message);
void handle_child_request(Turn& turn, Sa& sa, const Received& message);
void handle_child_answer(Turn& turn, Sa& sa, const Received& message);
void handle_child_refusal(Turn& turn, Sa& sa, const Received& message);
void handle_ike_rekey_request(Turn& turn, Sa& sa, const Received& message);
void handle_ike_rekey_answer(Turn& turn, Sa& sa, const Received& message);
void handle_ike_rekey_refusal(Turn& turn, Sa& sa, const Received& message);
void handle_informational_request(Turn& turn, Sa& sa, const Received& message);
void handle_child_delete_answer(Turn& turn, Sa& sa, const Received& message);
void handle_ike_delete_answer(Turn& turn, Sa& sa, const Received& message);
void handle_probe_answer(Turn& turn, Sa& sa, const Received& message);

}  // namespace ipsec::v2
