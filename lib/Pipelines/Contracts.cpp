//===- Contracts.cpp - What each pass may do to the numbers ---------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tokopt/Pipelines.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <map>
#include <set>

using namespace tokopt;

static constexpr Contract kOurs[] = {
#include "lib/Pipelines/Contracts.inc"
};

// The other passes of our pipelines. They move a computation from one dialect
// to another, op by op, and allow no reassociation.
static constexpr Contract kInOurPipelines[] = {
    {"canonicalize", "exact", "", "", "", true},
    {"convert-elementwise-to-linalg", "exact", "", "", "", true},
    {"convert-linalg-to-loops", "exact", "", "", "", true},
    {"convert-scf-to-cf", "exact", "", "", "", true},
    {"convert-vector-to-llvm", "exact"},
    {"cse", "exact", "", "", "", true},
    {"loop-invariant-code-motion", "exact", "", "", "", true},
    {"reconcile-unrealized-casts", "exact", "", "", "", true},
};

static std::vector<Contract> &plugins() {
  static std::vector<Contract> contracts;
  return contracts;
}

void tokopt::registerContracts(llvm::ArrayRef<Contract> contracts) {
  llvm::append_range(plugins(), contracts);
}

const Contract *tokopt::findContract(llvm::StringRef pass) {
  for (llvm::ArrayRef<Contract> table :
       {llvm::ArrayRef(kOurs), llvm::ArrayRef(kInOurPipelines),
        llvm::ArrayRef(plugins())}) {
    const Contract *found =
        llvm::find_if(table, [&](const Contract &c) { return c.pass == pass; });
    if (found != table.end())
      return found;
  }
  return nullptr;
}

std::string tokopt::describeContract(const Contract *contract) {
  if (!contract)
    return "none";
  std::string text = contract->kind.str();
  if (!contract->bound.empty())
    text += (" bound=" + contract->bound).str();
  if (!contract->knob.empty())
    text += (" knob=" + contract->knob + " neutral=" + contract->neutral).str();
  return text;
}

std::vector<PassText> tokopt::listPasses(mlir::OpPassManager &manager) {
  // builtin.module(func.func(cse,canonicalize{top-down=true}),tok-plan-image)
  std::string text;
  llvm::raw_string_ostream stream(text);
  manager.printAsTextualPipeline(stream);
  std::vector<PassText> passes;
  PassText pass;
  int depth = 0; // of options
  for (char c : text) {
    if ((c == '{' && depth++ == 0) || (c == '}' && --depth == 0))
      continue;
    if (depth) {
      pass.options += c;
    } else if (llvm::StringRef(",()").contains(c)) {
      if (c != '(' && !pass.name.empty()) // before ( stands an anchor
        passes.push_back(pass);
      pass = {};
    } else {
      pass.name += c;
    }
  }
  return passes;
}

/// The names of all passes that compile a model.
static std::set<std::string> passesOfPipelines() {
  mlir::MLIRContext context;
  std::set<std::string> names;
  auto collect = [&](llvm::function_ref<void(mlir::PassManager &)> build) {
    mlir::PassManager manager(&context);
    build(manager);
    for (const PassText &pass : listPasses(manager))
      names.insert(pass.name);
  };
  collect([](mlir::PassManager &manager) { buildProgramPipeline(manager); });
  collect([](mlir::PassManager &manager) {
    buildKernelPipeline(manager, kDefaultMachine);
  });
  for (llvm::StringRef registered :
       {"tok-lower-to-reference", "tok-llvm-pipeline"})
    collect([&](mlir::PassManager &manager) {
      (void)mlir::parsePassPipeline(registered, manager);
    });
  return names;
}

void tokopt::printContracts(llvm::raw_ostream &os) {
  // The name, and whether the pass is ours.
  std::map<std::string, bool> passes;
  for (const std::string &name : passesOfPipelines())
    passes[name] = llvm::StringRef(name).starts_with("tok-");
  for (llvm::ArrayRef<Contract> table :
       {llvm::ArrayRef(kOurs), llvm::ArrayRef(plugins())})
    for (const Contract &contract : table)
      if (mlir::PassInfo::lookup(contract.pass))
        passes[contract.pass.str()] = true;
  size_t width = 0;
  for (auto &[name, ours] : passes)
    width = std::max(width, name.size());
  for (auto &[name, ours] : passes) {
    const Contract *contract = findContract(name);
    os << name;
    os.indent(width + 2 - name.size()) << describeContract(contract);
    if (contract && contract->idempotent)
      os << " idempotent";
    os << (ours ? "\n" : " upstream\n");
  }
}
