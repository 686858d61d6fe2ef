//===- Memory.h - Anonymous and file mappings -------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_SRC_MEMORY_H_
#define TOKRT_SRC_MEMORY_H_

#include <cstddef>
#include <cstdint>

namespace tokrt {

inline constexpr uint64_t kFilePage = 4096; // what the bundle is aligned to
inline constexpr uint64_t kLine = 64;

/// `*out = a + b`; false on overflow. Sizes from a file go through these.
inline bool addOk(uint64_t a, uint64_t b, uint64_t *out) {
  return !__builtin_add_overflow(a, b, out);
}
inline bool mulOk(uint64_t a, uint64_t b, uint64_t *out) {
  return !__builtin_mul_overflow(a, b, out);
}
inline uint64_t alignUp(uint64_t value, uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}
inline uint64_t ceilDiv(uint64_t a, uint64_t b) { return a / b + (a % b != 0); }

/// One mapping, unmapped at the end of its life. Move only.
class Mapping {
public:
  Mapping() = default;
  Mapping(Mapping &&other) noexcept { *this = static_cast<Mapping &&>(other); }
  Mapping &operator=(Mapping &&other) noexcept;
  ~Mapping() { reset(); }

  /// Reserves zeroed memory that becomes resident when it is touched. `huge`
  /// asks for huge pages. False if the system refuses.
  bool reserve(uint64_t bytes, bool huge = false);
  /// Reserves addresses without any access, to map into.
  bool reserveAddresses(uint64_t bytes);
  /// Maps `[offset, offset + bytes)` of a file read only. The offset must be a
  /// multiple of the page size. Sets errno on failure.
  bool mapFile(int fd, uint64_t offset, uint64_t bytes, bool shared,
               bool populate);

  uint8_t *data() const { return base; }
  uint64_t size() const { return bytes; }
  void reset();

private:
  uint8_t *base = nullptr;
  uint64_t bytes = 0;
};

} // namespace tokrt

#endif // TOKRT_SRC_MEMORY_H_
