//===- Arena.h - Memory and work of one rendering ---------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_TEXT_JINJA_ARENA_H_
#define TOKRT_TEXT_JINJA_ARENA_H_

#include "Source.h"
#include "Value.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <string_view>

namespace tokrt::text::jinja {

/// Holds what a rendering makes until it ends, and bounds how much that is: a
/// template may come from anywhere, and loops within loops over a short
/// conversation can take for ever. Every step costs a unit, and so does every
/// byte that is made or looked at.
class Arena {
public:
  Arena(const Source &source, size_t budget)
      : source(source), budget(budget), left(budget) {}

  /// Takes `cost` units for what stands at `offset` in the template.
  void charge(size_t offset, size_t cost) {
    if (cost > left)
      source.raise(offset,
                   "found more than %zu units of work; the template does not "
                   "end or its output explodes",
                   budget);
    left -= cost;
  }

  /// Uninitialized room for `count` objects.
  template <typename T>
  T *allocate(size_t offset, size_t count) {
    charge(offset, count > SIZE_MAX / sizeof(T) ? SIZE_MAX : count * sizeof(T));
    return static_cast<T *>(memory.allocate(count * sizeof(T), alignof(T)));
  }

  /// The string `first` + `second`.
  Value join(size_t offset, std::string_view first, std::string_view second) {
    size_t size = first.size() + second.size();
    char *data = allocate<char>(offset, size);
    std::copy(first.begin(), first.end(), data);
    std::copy(second.begin(), second.end(), data + first.size());
    return Value(std::string_view(data, size));
  }

  /// A list with a copy of the elements.
  Value makeList(size_t offset, const Value *elements, size_t size) {
    Value *data = allocate<Value>(offset, size);
    std::uninitialized_copy(elements, elements + size, data);
    return Value::list(data, size);
  }

  /// A mapping or a namespace with a copy of the entries.
  Value makeMapping(size_t offset, const Entry *entries, size_t size,
                    Value::Kind kind = Value::Kind::Mapping) {
    Entry *data = allocate<Entry>(offset, size);
    std::uninitialized_copy(entries, entries + size, data);
    auto *list =
        new (allocate<Value::Entries>(offset, 1)) Value::Entries{data, size};
    return Value::mapping(list, kind);
  }

  /// Sets an entry of a namespace. A new one costs a copy of all: templates
  /// make few, and declare them with the namespace.
  void setEntry(size_t offset, const Value &target, std::string_view name,
                Value value) {
    Value::Entries &entries = target.asMapping();
    charge(offset, entries.size);
    for (size_t i = 0; i < entries.size; ++i)
      if (entries.data[i].name == name) {
        entries.data[i].value = value;
        return;
      }
    Entry *data = allocate<Entry>(offset, entries.size + 1);
    std::uninitialized_copy(entries.data, entries.data + entries.size, data);
    new (data + entries.size) Entry{name, value};
    entries = {data, entries.size + 1};
  }

private:
  const Source &source;
  size_t budget;
  size_t left;
  std::pmr::monotonic_buffer_resource memory;
};

} // namespace tokrt::text::jinja

#endif // TOKRT_TEXT_JINJA_ARENA_H_
