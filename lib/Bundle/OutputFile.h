//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A file that replaces another only when it is whole.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_BUNDLE_OUTPUTFILE_H
#define TOKOPT_LIB_BUNDLE_OUTPUTFILE_H

#include "tokopt/Bundle.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <optional>

namespace tokopt {

/// Writes beside `path` and renames at the end. Without `keep`, and if the
/// process is interrupted, the new file goes away and the old one stays.
class OutputFile {
public:
  static llvm::Expected<OutputFile> create(llvm::StringRef path);
  OutputFile(OutputFile &&) = default;
  ~OutputFile();

  /// Appends bytes.
  llvm::Error write(llvm::ArrayRef<uint8_t> bytes);
  /// Overwrites the first bytes.
  llvm::Error rewrite(llvm::ArrayRef<uint8_t> bytes);
  /// Hashes a part that was written; `offset` is a multiple of a page.
  llvm::Expected<Hash128> hash(uint64_t offset, uint64_t bytes);
  /// Puts the file in its place.
  llvm::Error keep();

private:
  OutputFile(llvm::StringRef path, llvm::sys::fs::TempFile temporary);
  llvm::Error takeStreamError();

  std::string path;
  std::unique_ptr<llvm::sys::fs::TempFile> temporary;
  std::unique_ptr<llvm::raw_fd_ostream> stream;
};

} // namespace tokopt

#endif // TOKOPT_LIB_BUNDLE_OUTPUTFILE_H
