// The runtime store: what a daemon after this one needs to go on with the SAs of this one
// (docs/adr/0012). A file in the run directory, for its owner only, appended to; what is out of
// date goes when it is rewritten, within the file.
//
// NOTE: Contract. What append() has been given is in the file when it returns: it outlives the
// process, not the machine. A change is read back as a whole or not at all.
// NOTE: Cost. The file is memory, with room behind what is written: as a rule append() copies a
// batch there once, and calls nobody.
// NOTE: Failure. A file that cannot be written any more is removed: who comes next begins anew
// instead of going on from something old.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ike/base/error.h"
#include "ike/core/record.h"
#include "ike/daemon/mapped_file.h"
#include "ike/daemon/runtime_file.h"

namespace ipsec::daemon {

class RuntimeStore {
 public:
  struct Opened;
  // What is there of a daemon before this one, in a form this one reads, made on this boot of the
  // machine; else it begins empty, and `why_empty` says why in words, if there was anything. Where
  // no file can be made there is none afterwards.
  [[nodiscard]] static std::expected<Opened, KernelError> open(const std::filesystem::path& run_dir,
                                                               const std::string& boot_id);
  // Without a file: nothing is kept.
  [[nodiscard]] static Opened none();
  RuntimeStore(RuntimeStore&&) = default;
  RuntimeStore& operator=(RuntimeStore&&) = default;
  RuntimeStore(const RuntimeStore&) = delete;
  RuntimeStore& operator=(const RuntimeStore&) = delete;
  ~RuntimeStore() = default;

  // After the first error there is no file any more, and nothing is kept.
  [[nodiscard]] std::expected<void, KernelError> append(const core::RecordBatch& batch);

  // There is no file any more, and nothing is kept.
  void remove();

  // Of the file.
  [[nodiscard]] std::uint64_t size_bytes() const { return mapped_.bytes().size(); }
  // Of records that count still.
  [[nodiscard]] std::uint64_t live_bytes() const { return live_; }

 private:
  struct Place {
    std::uint64_t offset = 0;  // of the content
    std::uint32_t size = 0;
  };

  RuntimeStore(std::filesystem::path file, std::string boot_id)
      : file_(std::move(file)), boot_id_(std::move(boot_id)) {}
  [[nodiscard]] std::expected<void, KernelError> read(Opened& opened);
  [[nodiscard]] std::expected<void, KernelError> begin(const std::vector<core::Record>& records);
  [[nodiscard]] std::expected<MappedFile, KernelError> make_beside(std::uint64_t size);
  [[nodiscard]] std::expected<void, KernelError> make_room(std::uint64_t bytes);
  [[nodiscard]] std::expected<void, KernelError> rewrite();
  void note(const core::RecordEntry& entry, std::uint64_t offset);

  std::filesystem::path file_;
  std::string boot_id_;
  MappedFile mapped_;
  std::size_t head_bytes_ = 0;
  Span log_;
  std::uint64_t live_ = 0;
  std::unordered_map<core::RecordKey, Place> places_;
};

struct RuntimeStore::Opened {
  RuntimeStore store;
  std::vector<core::Record> records;
  std::string why_empty;
  // Its last change is no whole one, and is left out.
  bool unfinished = false;
};

}  // namespace ipsec::daemon
