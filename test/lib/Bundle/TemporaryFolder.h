//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Files that tests of the bundle read from and write to.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TEST_LIB_BUNDLE_TEMPORARYFOLDER_H
#define TOKOPT_TEST_LIB_BUNDLE_TEMPORARYFOLDER_H

#include "tokopt/Bundle.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

namespace tokopt::test {

class TemporaryFolder {
public:
  TemporaryFolder() {
    if (llvm::sys::fs::createUniqueDirectory("tokopt-test", path))
      llvm::report_fatal_error("cannot create a temporary folder");
  }
  ~TemporaryFolder() { llvm::sys::fs::remove_directories(path); }
  TemporaryFolder(const TemporaryFolder &) = delete;

  std::string getPath(llvm::StringRef name) const {
    llvm::SmallString<128> file(path);
    llvm::sys::path::append(file, name);
    return std::string(file);
  }

  std::string write(llvm::StringRef name, llvm::ArrayRef<uint8_t> bytes) const {
    std::string file = getPath(name);
    std::error_code code;
    llvm::raw_fd_ostream stream(file, code);
    stream.write(reinterpret_cast<const char *>(bytes.data()), bytes.size());
    stream.flush();
    if (code || stream.has_error())
      llvm::report_fatal_error("cannot write a temporary file");
    return file;
  }

  /// A model file with these contents.
  std::shared_ptr<const SourceFile>
  makeSource(llvm::ArrayRef<uint8_t> bytes) const {
    return llvm::cantFail(SourceFile::open(write("model.gguf", bytes)));
  }

  std::vector<uint8_t> read(llvm::StringRef name) const {
    auto buffer = llvm::MemoryBuffer::getFile(getPath(name), false, false);
    if (!buffer)
      return {};
    llvm::StringRef contents = (*buffer)->getBuffer();
    return std::vector<uint8_t>(contents.bytes_begin(), contents.bytes_end());
  }

  /// Names of all files, in order.
  std::vector<std::string> list() const {
    std::vector<std::string> names;
    std::error_code code;
    for (llvm::sys::fs::directory_iterator file(path, code), end;
         !code && file != end; file.increment(code))
      names.push_back(llvm::sys::path::filename(file->path()).str());
    llvm::sort(names);
    return names;
  }

private:
  llvm::SmallString<128> path;
};

} // namespace tokopt::test

#endif // TOKOPT_TEST_LIB_BUNDLE_TEMPORARYFOLDER_H
