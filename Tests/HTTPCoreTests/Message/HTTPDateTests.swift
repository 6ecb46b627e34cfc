import HTTPCore
import Testing

@Suite struct HTTPDateTests {
    /// 2026-07-31 12:00:00 UTC.
    private static let now = 1_785_499_200

    @Test(
        "a date is read in each of its three formats",
        arguments: [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
            ("Sun Nov  6 08:49:37 1994", 784_111_777),
            ("Sun Nov 16 08:49:37 1994", 784_975_777),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
            ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199),
            ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),
            ("Fri, 01 Jan 2100 00:00:00 GMT", 4_102_444_800),
        ])
    func formats(text: String, seconds: Int) {
        #expect(HTTPDate.parse(text, now: Self.now) == seconds)
    }

    @Test("what is written is read again", arguments: [-62_135_596_800, -1, 0, 951_782_400, 253_402_300_799])
    func roundTrip(seconds: Int) {
        #expect(HTTPDate.parse(HTTPDate.format(secondsSinceEpoch: seconds), now: Self.now) == seconds)
    }

    @Test(
        "two digits of a year are at most 50 years ahead",
        arguments: [
            ("Friday, 31-Jul-26 12:00:00 GMT", "Fri, 31 Jul 2026 12:00:00 GMT"),
            ("Friday, 31-Jul-75 12:00:00 GMT", "Wed, 31 Jul 2075 12:00:00 GMT"),
            ("Friday, 31-Jul-76 12:00:00 GMT", "Fri, 31 Jul 2076 12:00:00 GMT"),
            ("Friday, 31-Jul-76 12:00:01 GMT", "Sat, 31 Jul 1976 12:00:01 GMT"),
            ("Friday, 01-Jan-77 00:00:00 GMT", "Sat, 01 Jan 1977 00:00:00 GMT"),
            ("Friday, 31-Dec-99 00:00:00 GMT", "Fri, 31 Dec 1999 00:00:00 GMT"),
            ("Friday, 01-Jan-00 00:00:00 GMT", "Sat, 01 Jan 2000 00:00:00 GMT"),
        ])
    func century(text: String, meant: String) throws {
        let seconds = try #require(HTTPDate.parse(text, now: Self.now))
        #expect(HTTPDate.format(secondsSinceEpoch: seconds) == meant)
    }

    @Test(
        "what is no date is none",
        arguments: [
            "", "now", "784111777", "Sun", "Sun, ", "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 GMT ", " Sun, 06 Nov 1994 08:49:37 GMT",
            "sun, 06 nov 1994 08:49:37 gmt",
            "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT", "Thu, 29 Feb 2023 00:00:00 GMT", "Mon, 29 Feb 2100 00:00:00 GMT",
            "Sun, 06-Nov-94 08:49:37 GMT", "Sunday, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994", "Sun Nov  6 08:49:37 1994 GMT", "Son, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT", "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT", "Sun, ٠٦ Nov 1994 08:49:37 GMT",
        ])
    func none(text: String) {
        #expect(HTTPDate.parse(text, now: Self.now) == nil)
    }
}
