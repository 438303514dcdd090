// Excel files, by libxlsxwriter, which writes to a named file: a temporary one, read back.
//
// The library is loaded when a sheet is asked for: it brings libcrypto with it, and the two are
// more than half of what a start of ipsecctl costs.
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>
#include <xlsxwriter.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "cli/libraries.h"
#include "cli/output.h"
#include "cli/text_width.h"
#include "cli/wait.h"
#include "ike/base/unique_fd.h"

namespace ipsec::cli {
namespace {

constexpr std::size_t kMostCellLetters = 32767;     // of Excel
constexpr std::size_t kMostRows = LXW_ROW_MAX - 1;  // the head is one
constexpr std::size_t kWorkbookBytes = std::size_t{1} << 30U;

struct Library {
  decltype(&workbook_new) new_book = nullptr;
  decltype(&workbook_add_worksheet) add_sheet = nullptr;
  decltype(&workbook_add_format) add_format = nullptr;
  decltype(&format_set_bold) set_bold = nullptr;
  decltype(&worksheet_write_number) write_number = nullptr;
  decltype(&worksheet_write_string) write_string = nullptr;
  decltype(&worksheet_set_column) set_column = nullptr;
  decltype(&worksheet_freeze_panes) freeze_panes = nullptr;
  decltype(&worksheet_autofilter) autofilter = nullptr;
  decltype(&workbook_close) close = nullptr;
  decltype(&lxw_strerror) explain = nullptr;
};

template <typename Function>
bool find(void* library, const char* name, Function& to) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): what dlsym() gives
  to = reinterpret_cast<Function>(::dlsym(library, name));
  return to != nullptr;
}

std::expected<Library, std::string> load_library() {
  void* const from = ::dlopen(kXlsxLibrary, RTLD_NOW | RTLD_LOCAL);
  Library it;
  const bool all = from != nullptr && find(from, "workbook_new", it.new_book) &&
                   find(from, "workbook_add_worksheet", it.add_sheet) &&
                   find(from, "workbook_add_format", it.add_format) &&
                   find(from, "format_set_bold", it.set_bold) &&
                   find(from, "worksheet_write_number", it.write_number) &&
                   find(from, "worksheet_write_string", it.write_string) &&
                   find(from, "worksheet_set_column", it.set_column) &&
                   find(from, "worksheet_freeze_panes", it.freeze_panes) &&
                   find(from, "worksheet_autofilter", it.autofilter) &&
                   find(from, "workbook_close", it.close) && find(from, "lxw_strerror", it.explain);
  if (all) return it;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread
  const char* const why = ::dlerror();
  return std::unexpected(
      fmt::format("the library for Excel sheets cannot be loaded ({}); install it or take csv",
                  harmless_lines(why)));
}

// A name of its own in the directory for such, gone at the end. mkstemp() gives it to us alone.
class TemporaryFile {
 public:
  TemporaryFile() {
    std::error_code error;
    auto directory = std::filesystem::temp_directory_path(error);
    std::string name = (error ? "/tmp" : directory.string()) + "/ipsecctl.XXXXXX";
    fd_ = UniqueFd(::mkostemp(name.data(), O_CLOEXEC));
    if (fd_) name_ = name;
  }
  ~TemporaryFile() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  std::string name_;
};

// Excel refuses a whole file for one cell that is too long or not UTF-8.
std::string fitting(const std::string& value) {
  const std::string clean = harmless_lines(value);
  return width_of(clean) <= kMostCellLetters ? clean : cut(clean, kMostCellLetters / 2);
}

void write_cell(const Library& library, lxw_worksheet* sheet, lxw_row_t row, lxw_col_t column,
                const Cell& cell) {
  if (const auto* number = std::get_if<std::uint64_t>(&cell.value)) {
    library.write_number(sheet, row, column, static_cast<double>(*number), nullptr);
  } else if (const auto* bytes = std::get_if<Bytes>(&cell.value)) {
    library.write_number(sheet, row, column, static_cast<double>(bytes->count), nullptr);
  } else {
    // As a string it is never a formula.
    library.write_string(sheet, row, column, fitting(plain(cell)).c_str(), nullptr);
  }
}

void write_column(const Library& library, lxw_worksheet* out, lxw_col_t to, const Sheet& sheet,
                  std::size_t from, lxw_format* head) {
  static constexpr std::size_t kWidest = 60;
  std::size_t width = width_of(sheet.columns[from].key);
  library.write_string(out, 0, to, sheet.columns[from].key.c_str(), head);
  for (std::size_t row = 0; row < sheet.rows.size(); ++row) {
    const Cell& cell = sheet.rows[row][from];
    write_cell(library, out, static_cast<lxw_row_t>(row + 1), to, cell);
    width = std::max(width, width_of(plain(cell)));
  }
  library.set_column(out, to, to, static_cast<double>(std::min(width, kWidest) + 2), nullptr);
}

}  // namespace

std::expected<std::string, std::string> xlsx(const Sheet& sheet) {
  if (sheet.rows.size() > kMostRows) {
    return std::unexpected(
        fmt::format("an Excel sheet has {} rows at most, and these are {}; "
                    "take csv",
                    kMostRows, sheet.rows.size()));
  }
  const auto library = load_library();
  if (!library) return std::unexpected(library.error());
  const TemporaryFile file;
  if (file.name().empty()) {
    return std::unexpected(fmt::format("no temporary file for the Excel sheet: {}; see $TMPDIR",
                                       std::generic_category().message(errno)));
  }
  lxw_workbook* const book = library->new_book(file.name().c_str());
  if (book == nullptr) return std::unexpected("no memory for the Excel sheet; take csv");
  lxw_worksheet* const out = library->add_sheet(book, sheet.name.c_str());
  lxw_format* const head = library->add_format(book);
  library->set_bold(head);
  lxw_col_t columns = 0;
  for (std::size_t i = 0; i < sheet.columns.size(); ++i) {
    if (!sheet.columns[i].key.empty()) write_column(*library, out, columns++, sheet, i, head);
  }
  library->freeze_panes(out, 1, 0);
  if (columns > 0) {
    library->autofilter(out, 0, 0, static_cast<lxw_row_t>(sheet.rows.size()),
                        static_cast<lxw_col_t>(columns - 1));
  }
  if (const lxw_error error = library->close(book); error != LXW_NO_ERROR) {
    return std::unexpected(fmt::format("the Excel sheet could not be written: {}; see $TMPDIR",
                                       library->explain(error)));
  }
  // By name: the library has put a file of its own in the place of ours, or emptied it.
  const UniqueFd written_file(::open(file.name().c_str(), O_RDONLY | O_CLOEXEC));
  return read_all(written_file.get(), {}, kWorkbookBytes);
}

}  // namespace ipsec::cli
