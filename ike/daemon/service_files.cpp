// Whole configurations: TOML in and out, and other products' files.
#include <utility>

#include <fmt/format.h>

#include "ike/daemon/declared.h"
#include "ike/daemon/problems.h"
#include "ike/daemon/service.h"
#include "ike/gateway/formats/beside.h"
#include "ike/gateway/formats/export.h"
#include "ike/gateway/formats/import.h"
#include "ike/gateway/formats/vendors.h"
#include "ike/gateway/toml/document.h"

namespace ipsec::daemon {
namespace {

std::unexpected<control::Error> usage_error(std::string message) {
  return std::unexpected(control::Error{control::ErrorCode::usage, std::move(message), {}});
}

gateway::toml::Secrets secrets_if(bool shown) {
  return shown ? gateway::toml::Secrets::shown : gateway::toml::Secrets::left_out;
}

}  // namespace

Answer Service::run(const control::Apply& it, const Asker& asker) {
  auto plan = plan_of({{it.file.empty() ? "-" : it.file, it.text}},
                      {parts_.configuration.inventory(), parts_.settings, maker(asker), it.prune});
  if (!plan) return std::unexpected(error_of(std::move(plan.error())));
  return finish(*std::move(plan), it.dry_run, asker);
}

Answer Service::run(const control::Dump& it, const Asker& asker) {
  control::TextReply reply;
  reply.text =
      gateway::toml::write(parts_.configuration.inventory(), asker.account, secrets_if(it.secrets));
  if (!it.secrets) {
    reply.warnings.emplace_back(
        "the pre-shared keys are left out: applying this leaves those of tunnels that are there as "
        "they are, and is refused for new ones; --show-secrets writes them");
  }
  return reply;
}

Answer Service::run(const control::Export& it, const Asker& asker) {
  namespace formats = gateway::formats;
  const auto format = formats::parse_format(it.format);
  if (!format) return usage_error(format.error());
  const auto ids = resolve(Kind::tunnel, {it.tunnel}, asker);
  if (!ids) return std::unexpected(ids.error());
  const gateway::Inventory& inventory = parts_.configuration.inventory();
  auto text = formats::render(inventory, *inventory.get<gateway::Tunnel>(ids->front()), *format,
                              it.peer_side ? formats::Side::peer : formats::Side::ours,
                              secrets_if(it.secrets));
  if (!text) {
    return std::unexpected(control::Error{control::ErrorCode::failed, text.error(), {}});
  }
  return control::TextReply{std::move(text->text), std::move(text->warnings)};
}

// Nothing is changed: the answer is TOML to be looked at, mended and applied.
Answer Service::run(const control::Import& it, const Asker& asker) {
  namespace formats = gateway::formats;
  const bool swanctl = it.format == "swanctl";
  if (!swanctl && it.format != "ipsec.conf") {
    return usage_error(
        fmt::format("no format '{}' to import; there are swanctl and ipsec.conf", it.format));
  }
  auto imported =
      swanctl ? formats::read_swanctl(it.text) : formats::read_ipsec_conf(it.text, it.secrets_text);
  const std::string file = it.file.empty() ? "-" : it.file;
  if (!imported) {
    control::Problem problem;
    problem.why = imported.error().what;
    problem.text = gateway::toml::describe(imported.error(), file);
    return std::unexpected(error_of(std::vector{std::move(problem)}));
  }
  formats::fit_beside(*imported, parts_.configuration.inventory(), asker.account);
  // Limits are for the day it is applied; what is refused here is what it could never be.
  const gateway::Inventory empty;
  gateway::Draft draft(empty, parts_.settings, maker(asker));
  for (const auto& declaration : imported->declarations) {
    draft.declare(declaration.kind, declaration.name, declaration.fields);
  }
  auto plan = std::move(draft).finish();
  if (!plan) {
    std::vector<control::Problem> problems;
    const auto complaints =
        gateway::toml::complaints(plan.error(), imported->declarations, it.text);
    for (const auto& complaint : complaints) {
      control::Problem problem;
      problem.why = complaint.what;
      problem.text = gateway::toml::describe(complaint, file);
      problems.push_back(std::move(problem));
    }
    return std::unexpected(error_of(std::move(problems)));
  }
  control::TextReply reply;
  reply.text = gateway::toml::write(plan->inventory, asker.account, gateway::toml::Secrets::shown);
  for (const formats::Untaken& untaken : imported->untaken) {
    reply.warnings.push_back(fmt::format("{}:{}:{}: {}: not taken over: {}", file,
                                         untaken.place.line, untaken.place.column, untaken.what,
                                         untaken.why));
  }
  for (const std::string& note : imported->notes) reply.warnings.push_back(note);
  for (const std::string& warning : plan->warnings) reply.warnings.push_back(warning);
  return reply;
}

Answer Service::run(const control::ListVendors&, const Asker&) {
  control::VendorsReply reply;
  for (const gateway::formats::Vendor& vendor : gateway::formats::all_vendors()) {
    reply.vendors.push_back({std::string(vendor.name), std::string(vendor.product),
                             std::string(name_of(vendor.format)), std::string(vendor.note)});
  }
  return reply;
}

}  // namespace ipsec::daemon
