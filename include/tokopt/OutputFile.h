//===- OutputFile.h - A file that appears whole or not at all ---*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What every program and the bundle write their outputs with.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_OUTPUTFILE_H
#define TOKOPT_OUTPUTFILE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <memory>
#include <string>

namespace tokopt {

/// Writes beside a path and renames at the end. Without `keep`, and if the
/// process is interrupted, the new file goes away and what was at the path
/// stays: it may be the input, mapped into memory, until the last moment.
///
/// A symbolic link stays one: what it points to is replaced. A new file has the
/// permissions of the one that it replaces.
class OutputFile {
public:
  /// Whether `path` names a file, there already or not. The standard output
  /// (`-`), a device or a pipe is none: it cannot be replaced, so it is
  /// written as it is, and what was written stays written.
  static bool isReplaceable(llvm::StringRef path);

  /// Errors of this and the other functions name the path.
  static llvm::Expected<OutputFile> create(llvm::StringRef path);

  OutputFile(OutputFile &&other);
  ~OutputFile();

  llvm::StringRef getPath() const { return path; }
  llvm::raw_fd_ostream &os() { return *stream; }

  /// Says if something could not be written so far.
  llvm::Error flush();

  /// The new file, which can be read after `flush`; -1 for what is not
  /// replaceable.
  int getDescriptor() const { return temporary ? temporary->FD : -1; }

  /// Puts the file in its place. Nothing can be written after it.
  llvm::Error keep();

private:
  OutputFile(llvm::StringRef path, std::string target);

  std::string path;
  /// The file behind all links.
  std::string target;
  std::unique_ptr<llvm::sys::fs::TempFile> temporary;
  std::unique_ptr<llvm::raw_fd_ostream> owned;
  /// `owned`, or the standard output.
  llvm::raw_fd_ostream *stream = nullptr;
};

} // namespace tokopt

#endif // TOKOPT_OUTPUTFILE_H
