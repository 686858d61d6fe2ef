//===- Parallel.h - Modules that are compiled side by side ------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A context of MLIR has one set of handlers and of loaded dialects, so what is
// compiled beside others goes to a context of its own, as bytecode.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_TARGET_COMMON_PARALLEL_H
#define TOKOPT_LIB_TARGET_COMMON_PARALLEL_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/ThreadPool.h"

#include <optional>
#include <string>
#include <vector>

namespace tokopt {

/// A module that can be read again in another context.
struct PortableModule {
  std::string bytecode;
  /// The dialects that it may be made of.
  mlir::DialectRegistry registry;

  /// `Dialects` are those that the module may have though its context was not
  /// told of them: they were loaded into it.
  template <typename... Dialects>
  static llvm::Expected<PortableModule> create(mlir::ModuleOp module) {
    PortableModule made;
    made.registry.insert<Dialects...>();
    module.getContext()->getDialectRegistry().appendTo(made.registry);
    if (llvm::Error error = made.write(module))
      return std::move(error);
    return made;
  }

  /// The module, in `context`, which has `registry`. An error is about code for
  /// `target`.
  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
  read(mlir::MLIRContext *context, llvm::StringRef target) const;

private:
  llvm::Error write(mlir::ModuleOp module);
};

/// What `make(i)` gives for each i below `count`, in order, or the first error
/// in that order. All are made, on as many threads as there are processors.
template <typename T, typename Make>
llvm::Expected<std::vector<T>> makeInParallel(size_t count, const Make &make) {
  std::vector<std::optional<llvm::Expected<T>>> results(count);
  llvm::DefaultThreadPool pool(
      llvm::hardware_concurrency(static_cast<unsigned>(count)));
  for (size_t index = 0; index < count; ++index)
    pool.async([&, index] { results[index].emplace(make(index)); });
  pool.wait();

  std::vector<T> made;
  llvm::Error error = llvm::Error::success();
  for (auto &result : results) {
    if (*result)
      made.push_back(std::move(**result));
    else if (!error)
      error = result->takeError();
    else
      llvm::consumeError(result->takeError());
  }
  if (error)
    return std::move(error);
  return made;
}

} // namespace tokopt

#endif // TOKOPT_LIB_TARGET_COMMON_PARALLEL_H
