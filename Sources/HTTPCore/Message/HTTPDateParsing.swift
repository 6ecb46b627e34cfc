extension HTTPDate {
    /// The time that a date in one of its three formats says, in seconds since 1970, UTC; `nil` when it is none.
    ///
    /// `now`, in the same seconds, decides the century of RFC 850's two digits: a date that would lie more than 50 years
    /// ahead is one of the past (RFC 9110, section 5.6.7). The day's name is not held against the date.
    public static func parse(_ text: String, now: Int) -> Int? {
        var scanner = Scanner(rest: Array(text.utf8)[...])
        guard let name = scanner.letters() else { return nil }
        if days.contains(name) {
            return scanner.skip(", ") ? fixdate(&scanner) : scanner.skip(" ") ? asctime(&scanner) : nil
        }
        return fullDays.contains(name) && scanner.skip(", ") ? rfc850(&scanner, now: now) : nil
    }

    private static let fullDays: Set<String> = [
        "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
    ]

    /// Behind the day's name: `06 Nov 1994 08:49:37 GMT`.
    private static func fixdate(_ scanner: inout Scanner) -> Int? {
        guard let day = scanner.digits(2), scanner.skip(" "), let month = scanner.month(), scanner.skip(" "),
            let year = scanner.digits(4), scanner.skip(" "), let time = scanner.time(),
            scanner.skip(" GMT"), scanner.rest.isEmpty
        else { return nil }
        return seconds(year, month, day, time)
    }

    /// `06-Nov-94 08:49:37 GMT`.
    private static func rfc850(_ scanner: inout Scanner, now: Int) -> Int? {
        guard let day = scanner.digits(2), scanner.skip("-"), let month = scanner.month(), scanner.skip("-"),
            let shortYear = scanner.digits(2), scanner.skip(" "), let time = scanner.time(),
            scanner.skip(" GMT"), scanner.rest.isEmpty
        else { return nil }
        let thisYear = date(now / 86400).year
        var year = thisYear - thisYear % 100 + 100 + shortYear
        while year > thisYear + 50 { year -= 100 }
        guard let found = seconds(year, month, day, time) else { return nil }
        // In the fiftieth year to the second; a leap day is compared a day late.
        guard year == thisYear + 50, let anniversary = inFiftyYears(now), found > anniversary else {
            return found
        }
        return seconds(year - 100, month, day, time)
    }

    private static func inFiftyYears(_ now: Int) -> Int? {
        let (year, month, day) = date(now / 86400)
        return seconds(year + 50, month, day, now % 86400)
            ?? seconds(year + 50, month + 1, 1, now % 86400)
    }

    /// `Nov  6 08:49:37 1994`.
    private static func asctime(_ scanner: inout Scanner) -> Int? {
        guard let month = scanner.month(), scanner.skip(" "),
            let day = scanner.skip(" ") ? scanner.digits(1) : scanner.digits(2), scanner.skip(" "),
            let time = scanner.time(), scanner.skip(" "), let year = scanner.digits(4), scanner.rest.isEmpty
        else { return nil }
        return seconds(year, month, day, time)
    }

    /// `nil` for a day that its month does not have.
    private static func seconds(_ year: Int, _ month: Int, _ day: Int, _ secondOfDay: Int) -> Int? {
        let marchYear = month > 2 ? year : year - 1
        let era = (marchYear >= 0 ? marchYear : marchYear - 399) / 400
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        guard date(days) == (year, month, day) else { return nil }
        return days * 86400 + secondOfDay
    }

    private struct Scanner {
        var rest: ArraySlice<UInt8>

        mutating func letters() -> String? {
            let letters = rest.prefix { UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 | 0x20 }
            rest = rest.dropFirst(letters.count)
            return letters.isEmpty ? nil : String(decoding: letters, as: UTF8.self)
        }

        mutating func skip(_ text: String) -> Bool {
            guard rest.starts(with: text.utf8) else { return false }
            rest = rest.dropFirst(text.utf8.count)
            return true
        }

        mutating func digits(_ count: Int) -> Int? {
            let digits = rest.prefix(count)
            guard digits.count == count, digits.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 }) else {
                return nil
            }
            rest = rest.dropFirst(count)
            return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        }

        mutating func month() -> Int? {
            letters().flatMap { months.firstIndex(of: $0) }.map { $0 + 1 }
        }

        /// `08:49:37`, as the second of the day; 60 seconds are a leap second's.
        mutating func time() -> Int? {
            guard let hour = digits(2), skip(":"), let minute = digits(2), skip(":"), let second = digits(2),
                hour < 24, minute < 60, second <= 60
            else { return nil }
            return hour * 3600 + minute * 60 + second
        }
    }
}
