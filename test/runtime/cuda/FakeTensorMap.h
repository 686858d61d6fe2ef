//===- FakeTensorMap.h - Tensor maps as a driver makes them -----*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What cuTensorMapEncodeTiled refuses (CUDA driver API, "Tensor Map Object
// Management"), and a map whose 128 bytes say what it is of.
//
//===----------------------------------------------------------------------===//

#ifndef TEST_RUNTIME_CUDA_FAKETENSORMAP_H_
#define TEST_RUNTIME_CUDA_FAKETENSORMAP_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

namespace fake {

inline constexpr size_t kMapBytes = 128, kMapAlignment = 64;

struct TensorMap {
  uint64_t address = 0;
  uint8_t element = 0, swizzle = 0; // CUtensorMapDataType, CUtensorMapSwizzle
  uint16_t rank = 0;
  uint64_t sizes[5] = {}, strides[4] = {};
  uint32_t box[5] = {};

  /// Of u8, f16, f32 and bf16, which the launcher has.
  uint64_t elementBytes() const {
    return element == 0 ? 1 : element == 7 ? 4 : 2;
  }
  /// 0, 32, 64 or 128.
  uint64_t swizzleBytes() const { return swizzle ? 16u << swizzle : 0; }
  /// From the first to the last element.
  uint64_t bytes() const {
    uint64_t sum = sizes[0] * elementBytes();
    for (uint32_t i = 1; i < rank; ++i)
      sum += (sizes[i] - 1) * strides[i - 1];
    return sum;
  }
};

/// Whether the hardware can do it.
inline bool isPossible(const TensorMap &map) {
  auto isBetween = [](uint64_t value, uint64_t least, uint64_t most) {
    return value >= least && value <= most;
  };
  if (map.element != 0 && map.element != 6 && map.element != 7 &&
      map.element != 9)
    return false;
  if (map.address == 0 || map.address % 16 || map.swizzle > 3)
    return false;
  for (uint32_t i = 0; i < map.rank; ++i)
    if (!isBetween(map.sizes[i], 1, uint64_t(1) << 32) ||
        !isBetween(map.box[i], 1, 256))
      return false;
  for (uint32_t i = 0; i + 1 < map.rank; ++i)
    if (map.strides[i] % 16 || map.strides[i] >= uint64_t(1) << 40)
      return false;
  uint64_t rowBytes = map.box[0] * map.elementBytes();
  return rowBytes % 16 == 0 && (!map.swizzle || rowBytes <= map.swizzleBytes());
}

/// What a map begins with, and no other parameter.
inline constexpr uint64_t kMapMark = 0x70616d2065736e74;

/// False where a map must not lie.
inline bool writeMap(const TensorMap &map, void *to) {
  static_assert(sizeof kMapMark + sizeof map < kMapBytes);
  if (reinterpret_cast<uintptr_t>(to) % kMapAlignment)
    return false;
  memset(to, 0x5a, kMapBytes);
  memcpy(to, &kMapMark, sizeof kMapMark);
  memcpy(static_cast<char *>(to) + sizeof kMapMark, &map, sizeof map);
  return true;
}

/// False where the bytes are none.
inline bool readMap(const std::string &bytes, TensorMap &map) {
  if (bytes.size() != kMapBytes || memcmp(bytes.data(), &kMapMark, 8) != 0)
    return false;
  memcpy(&map, bytes.data() + sizeof kMapMark, sizeof map);
  return true;
}

/// As `map(bf16 128x4096 by 256, box 64x64, swizzle 128)`.
inline std::string describeMap(const TensorMap &map) {
  auto list = [&](const auto *values, uint32_t count) {
    std::string text;
    for (uint32_t i = 0; i < count; ++i)
      text += (i ? "x" : "") + std::to_string(values[i]);
    return text;
  };
  const char *element = map.element == 0   ? "u8"
                        : map.element == 6 ? "f16"
                        : map.element == 7 ? "f32"
                                           : "bf16";
  return std::string("map(") + element + " " + list(map.sizes, map.rank) +
         (map.rank > 1 ? " by " + list(map.strides, map.rank - 1) : "") +
         ", box " + list(map.box, map.rank) + ", swizzle " +
         std::to_string(map.swizzleBytes()) + ")";
}

} // namespace fake

#endif // TEST_RUNTIME_CUDA_FAKETENSORMAP_H_
