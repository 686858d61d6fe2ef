//===- Case.cpp - A kernel with what it is run on -------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/KernelCases/Case.h"

#include <nlohmann/json.hpp>

using namespace cases;
using nlohmann::json;

namespace cases {

NLOHMANN_JSON_SERIALIZE_ENUM(Element, {{Element::F32, "f32"},
                                       {Element::F16, "f16"},
                                       {Element::BF16, "bf16"},
                                       {Element::I8, "i8"},
                                       {Element::U6, "u6"},
                                       {Element::Scale, "scale"},
                                       {Element::I32, "i32"}})

static void to_json(json &out, const Word &word) {
  if (word.buffer.empty())
    out = word.value;
  else
    out = json{{"buffer", word.buffer}, {"offset", word.value}};
}
static void from_json(const json &in, Word &word) {
  if (in.is_object()) {
    in.at("buffer").get_to(word.buffer);
    in.at("offset").get_to(word.value);
  } else {
    word.buffer.clear();
    in.get_to(word.value);
  }
}

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Part, offset, bytes, element, exponent, bits)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Buffer, name, bytes, fill, period, parts,
                                   words, integers)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Check, buffer, offset, element, count)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Timing, bytes, operations, title)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(TensorMap, address, element, sizes, box,
                                   strides, swizzle)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Image, name, grid, threads, sharedBytes,
                                   splits, maps)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Case, name, kernel, images, buffers,
                                   arguments, checks, isSmall, isRecorded,
                                   isTimed, timing)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Folder, source, cases)

} // namespace cases

std::string cases::toJson(const Folder &folder) {
  return json(folder).dump(1) + "\n";
}

static std::string refuse(const std::string &path, const json &value) {
  return path + ": found " + value.dump() +
         ", which is none of what may stand there";
}

/// Where a number is no whole one and must be, in words. To convert a large one
/// to an integer has no defined result, so it is refused before.
static std::string findFraction(const json &file) {
  json flat = file.flatten();
  for (const auto &[path, value] : flat.items())
    if (value.is_number_float() && !path.ends_with("/timing/operations"))
      return refuse(path, value);
  return "";
}

/// Where what was read is not what the file says, in words. The JSON library
/// wraps numbers around and takes names that it does not know for the first
/// that it does.
static std::string findMisread(const json &file, const Folder &folder) {
  json patch = json::diff(json(folder), file);
  if (patch.empty())
    return "";
  const json &first = patch.front();
  std::string path = first.at("path");
  return first.at("op") == "replace" ? refuse(path, first.at("value"))
                                     : path + ": is not known";
}

bool cases::fromJson(const std::string &text, Folder &out, std::string &error) {
  try {
    json file = json::parse(text);
    error = findFraction(file);
    if (!error.empty())
      return false;
    file.get_to(out);
    error = findMisread(file, out);
  } catch (const json::exception &exception) {
    error = exception.what();
    return false;
  }
  if (error.empty())
    error = findProblem(out);
  return error.empty();
}
