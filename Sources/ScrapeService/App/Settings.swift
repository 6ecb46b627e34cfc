import Foundation

/// A setting that does not make sense: named as the person wrote it.
struct SettingError: Error, CustomStringConvertible {
    var name: String
    var reason: String
    var description: String { "\(name): \(reason)" }
}

/// Where settings come from: a flag, else an environment variable, else the default.
struct Settings {
    var environment: [String: String]

    func text(_ flag: String?, _ variable: String) -> String? {
        if let flag { return flag }
        guard let value = environment[variable], !value.isEmpty else { return nil }
        return value
    }

    func int(
        _ flag: Int?, _ name: String, _ variable: String, in range: ClosedRange<Int>, default fallback: Int
    ) throws(SettingError) -> Int {
        let value: Int
        if let flag {
            value = flag
        } else if let text = text(nil, variable) {
            guard let parsed = Int(text) else {
                throw SettingError(name: variable, reason: "\"\(text)\" is no whole number")
            }
            value = parsed
        } else {
            return fallback
        }
        guard range.contains(value) else {
            let said = flag == nil ? variable : name
            throw SettingError(
                name: said, reason: "must be \(range.lowerBound) to \(range.upperBound), not \(value)")
        }
        return value
    }

    /// A number of days, as `30` or `30d`; at most a hundred years.
    func days(_ flag: String?, _ name: String, _ variable: String) throws(SettingError) -> Int? {
        guard let text = text(flag, variable) else { return nil }
        let number = text.hasSuffix("d") ? String(text.dropLast()) : text
        guard let days = Int(number), (1...36_500).contains(days) else {
            throw SettingError(
                name: flag == nil ? variable : name,
                reason: "\"\(text)\" is no number of days from 1 to 36500, such as 30d")
        }
        return days
    }

    /// One of a few words.
    func choice<Value>(
        _ flag: String?, _ name: String, _ variable: String, among choices: [(word: String, value: Value)],
        default fallback: Value
    ) throws(SettingError) -> Value {
        guard let text = text(flag, variable) else { return fallback }
        for choice in choices where choice.word == text { return choice.value }
        let words = choices.map(\.word).joined(separator: ", ")
        throw SettingError(name: flag == nil ? variable : name, reason: "\"\(text)\" is none of \(words)")
    }

    /// Seconds, more than none.
    func seconds(_ flag: Double?, _ name: String, _ variable: String, default fallback: Duration)
        throws(SettingError) -> Duration
    {
        var value = flag
        if value == nil, let text = text(nil, variable) {
            guard let parsed = Double(text) else {
                throw SettingError(name: variable, reason: "\"\(text)\" is no number")
            }
            value = parsed
        }
        guard let value else { return fallback }
        guard value > 0, value <= 86_400 else {
            throw SettingError(
                name: flag == nil ? variable : name, reason: "must be more than 0 and at most 86400 seconds")
        }
        return .seconds(value)
    }
}

/// `HOST:PORT`, with an IPv6 host in brackets.
struct BindAddress: Hashable, CustomStringConvertible {
    var host: String
    var port: Int

    init(_ text: String) throws(SettingError) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65535).contains(port)
        else { throw SettingError(name: "--bind", reason: "\"\(text)\" is not HOST:PORT") }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            throw SettingError(
                name: "--bind", reason: "an IPv6 address stands in brackets: [\(host)]:\(port)")
        }
        guard !host.isEmpty else { throw SettingError(name: "--bind", reason: "\"\(text)\" names no host") }
        self.host = host
        self.port = port
    }

    /// 127.0.0.0/8, ::1 or localhost: nobody else on the network reaches it.
    var isLoopback: Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
