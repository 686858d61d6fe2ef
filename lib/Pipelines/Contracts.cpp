//===- Contracts.cpp - What each pass may do to the numbers ---------------===//

#include "tokopt/Pipelines.h"

#include "llvm/ADT/STLExtras.h"

#include <array>

using namespace tokopt;

static constexpr Contract kContracts[] = {
#include "lib/Pipelines/Contracts.inc"
};

llvm::ArrayRef<Contract> tokopt::getContracts() { return kContracts; }

const Contract *tokopt::findContract(llvm::StringRef pass) {
  const auto *found = llvm::find_if(
      kContracts, [&](const Contract &c) { return c.pass == pass; });
  return found == std::end(kContracts) ? nullptr : found;
}
