import Glibc

/// The path of one rule: a prefix, with `*` for any octets and `$` for the end (RFC 9309 §2.2.3).
struct RobotsPattern: Sendable {
    /// Normalised; every `*` in it is a wildcard. Without the ones at the end, which say nothing.
    private let octets: [UInt8]
    private let queryForm: [UInt8]?
    private let isAnchored: Bool
    private let hasQuery: Bool

    /// What makes one rule more specific than another. A wildcard counts as one octet, as does the `$`.
    var length: Int { octets.count + (isAnchored ? 1 : 0) }

    /// Nil where no path can match: it is empty, or begins with neither `/` nor `*`.
    init?(_ value: ArraySlice<UInt8>) {
        guard let first = value.first, first == UInt8(ascii: "/") || first == RobotsOctets.star else {
            return nil
        }
        isAnchored = value.last == RobotsOctets.dollar
        var octets = RobotsOctets.normalize(isAnchored ? value.dropLast() : value, keepsWildcards: true)
        Self.collapseWildcards(&octets)
        if !isAnchored, octets.count > 1, octets.last == RobotsOctets.star { octets.removeLast() }
        self.octets = octets
        hasQuery = octets.contains(RobotsOctets.question)
        queryForm = RobotsOctets.queryForm(octets)
    }

    private static func collapseWildcards(_ octets: inout [UInt8]) {
        var last: UInt8 = 0
        octets.removeAll { octet in
            defer { last = octet }
            return octet == RobotsOctets.star && last == RobotsOctets.star
        }
    }

    func matches(_ target: RobotsTarget) -> Bool {
        if matches(octets, target.octets) { return true }
        guard hasQuery, queryForm != nil || target.queryForm != nil else { return false }
        return matches(queryForm ?? octets, target.queryForm ?? target.octets)
    }

    private func matches(_ pattern: [UInt8], _ path: [UInt8]) -> Bool {
        pattern.withUnsafeBytes { pattern in path.withUnsafeBytes { matches(pattern, $0) } }
    }

    /// Each part between wildcards is taken where it first occurs: that leaves the most for the rest, so no choice is
    /// ever looked at again, and the time grows with the path, not with the ways to split it.
    private func matches(_ pattern: UnsafeRawBufferPointer, _ path: UnsafeRawBufferPointer) -> Bool {
        var end = pattern.firstIndex(of: RobotsOctets.star) ?? pattern.count
        guard path.count >= end, path.prefix(end).elementsEqual(pattern.prefix(end)) else { return false }
        var position = end
        while end < pattern.count {
            let start = end + 1
            end = pattern[start...].firstIndex(of: RobotsOctets.star) ?? pattern.count
            if end == pattern.count, isAnchored {
                return path.count - position >= end - start
                    && path.suffix(end - start).elementsEqual(pattern[start..<end])
            }
            guard let found = Self.find(pattern, start..<end, in: path, from: position) else { return false }
            position = found + (end - start)
        }
        return !isAnchored || position == path.count
    }

    /// Where `part` of the pattern first stands in `path`, in time linear in both.
    private static func find(
        _ pattern: UnsafeRawBufferPointer, _ part: Range<Int>, in path: UnsafeRawBufferPointer,
        from position: Int
    ) -> Int? {
        guard path.count - position >= part.count else { return nil }
        if part.count <= maxPlainOctets { return findPlainly(pattern, part, in: path, from: position) }
        let borders = borders(of: pattern, part)
        var matched = 0
        for index in position..<path.count {
            while matched > 0, path[index] != pattern[part.lowerBound + matched] {
                matched = borders[matched - 1]
            }
            if path[index] == pattern[part.lowerBound + matched] { matched += 1 }
            if matched == part.count { return index + 1 - matched }
        }
        return nil
    }

    /// Parts so short are compared wherever their first and last octet stand: that is faster, and linear still.
    private static let maxPlainOctets = 16

    private static func findPlainly(
        _ pattern: UnsafeRawBufferPointer, _ part: Range<Int>, in path: UnsafeRawBufferPointer,
        from position: Int
    ) -> Int? {
        guard let base = path.baseAddress, let needle = pattern.baseAddress else { return nil }
        let (first, last) = (pattern[part.lowerBound], pattern[part.upperBound - 1])
        let reach = part.count - 1
        var start = position
        while start + reach < path.count {
            if path[start] == first, path[start + reach] == last,
                memcmp(base + start, needle + part.lowerBound, part.count) == 0
            {
                return start
            }
            start += 1
        }
        return nil
    }

    /// For every beginning of the part, the longest shorter one that it ends with (Morris and Pratt): where to go on
    /// after a mismatch without looking at the path again.
    private static func borders(of pattern: UnsafeRawBufferPointer, _ part: Range<Int>) -> [Int] {
        var borders = [0]
        borders.reserveCapacity(part.count)
        var matched = 0
        for octet in pattern[part].dropFirst() {
            while matched > 0, octet != pattern[part.lowerBound + matched] { matched = borders[matched - 1] }
            if octet == pattern[part.lowerBound + matched] { matched += 1 }
            borders.append(matched)
        }
        return borders
    }
}
