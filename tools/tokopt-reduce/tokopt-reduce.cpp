//===- tokopt-reduce.cpp - Shrinks a module that shows a problem ----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tokopt/CommandLine.h"
#include "tokopt/Pipelines.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"

int main(int argc, char **argv) {
  tokopt::setVersionPrinter("tokopt-reduce");
  tokopt::registerPasses();
  mlir::registerAllPasses();
  mlir::DialectRegistry registry;
  tokopt::registerDialects(registry);
  mlir::registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  return mlir::failed(mlir::mlirReduceMain(argc, argv, context));
}
