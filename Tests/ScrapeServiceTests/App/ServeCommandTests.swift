import ArgumentParser
import Foundation
import HTTPCore
import Testing

@testable import ScrapeService

@Suite struct ServeCommandTests {
    private func settle(_ arguments: [String], _ environment: [String: String] = [:]) throws
        -> ServeConfiguration
    {
        let command = try #require(try ServeCommand.parseAsRoot(arguments) as? ServeCommand)
        return try command.settle(environment: environment)
    }

    private func keyFile(_ text: String) throws -> String {
        let path = FileManager.default.temporaryDirectory.appending(path: "keys-\(UUID().uuidString)").path
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    @Test func theDefaultsAreTheContracts() throws {
        let configuration = try settle([])
        #expect(configuration.bind.description == "127.0.0.1:8080")
        #expect(
            configuration.database == DatabaseConfiguration(url: nil, poolSize: 8, dataDirectory: "./data"))
        #expect(configuration.keys.isEmpty)
        #expect(configuration.logFormat == .json && configuration.logsAccess)
    }

    @Test func aFlagWinsOverItsVariable() throws {
        let environment = [
            "SCRAPE_BIND": "127.0.0.1:1", "SCRAPE_MAX_BODY_BYTES": "7", "DATABASE_URL": "postgresql://x",
        ]
        let configuration = try settle(["--bind", "127.0.0.1:2"], environment)
        #expect(configuration.bind.port == 2)
        #expect(configuration.limits.maxBodyBytes == 7)
        #expect(configuration.database.url == "postgresql://x")
    }

    @Test func everyFlagOfTheContractIsTaken() throws {
        let configuration = try settle([
            "--bind", "[::1]:0", "--database-url", "postgresql://h/d", "--data-dir", "/tmp/d",
            "--egress-allow",
            "10.0.0.0/8, fd00::/8", "--max-body-bytes", "9", "--header-timeout-seconds", "1",
            "--body-timeout-seconds", "2", "--idle-timeout-seconds", "3", "--write-timeout-seconds", "4",
            "--drain-timeout-seconds", "5.5",
        ])
        #expect(configuration.bind.host == "::1")
        #expect(configuration.limits.headerTimeout == .seconds(1))
        #expect(configuration.limits.drainTimeout == .seconds(5.5))
    }

    @Test func theLogsFormIsOneOfItsWords() throws {
        #expect(try settle(["--log-format", "text"], ["SCRAPE_LOG_FORMAT": "json"]).logFormat == .text)
        #expect(try settle([], ["SCRAPE_ACCESS_LOG": "off"]).logsAccess == false)
        #expect(throws: SettingError.self) { try settle(["--log-format", "xml"]) }
        #expect(throws: SettingError.self) { try settle([], ["SCRAPE_ACCESS_LOG": "true"]) }
    }

    @Test(arguments: ["0.0.0.0:80", "[::]:80", "192.168.1.2:80", "example.org:80", "1270.0.0.1:80"])
    func beyondLoopbackAKeyIsNeeded(_ address: String) throws {
        #expect(throws: SettingError.self) { try settle(["--bind", address]) }
        let keys = try keyFile("# who\n\n0123456789abcdef\n")
        #expect(try settle(["--bind", address, "--api-key-file", keys]).keys == [APIKey("0123456789abcdef")])
    }

    @Test func aReadKeyReadsTheJobsOfTheKeyAboveIt() throws {
        let path = try keyFile(
            "full-key-of-alice\n\tread-key-of-alice   read\r\n#\nfull-key-of-bob-1\nread-key-of-bob-1 read\n")
        let keys = try settle(["--api-key-file", path]).keys
        #expect(keys.map(\.scope) == [.full, .read, .full, .read])
        #expect(keys[0].owner == keys[1].owner && keys[2].owner == keys[3].owner)
        #expect(keys[0].owner != keys[2].owner)
        #expect(keys[0] == APIKey("full-key-of-alice"))
        // What is kept cannot be sent: neither the configuration nor a message holds a key.
        #expect(!"\(keys)".contains("key-of"))
    }

    @Test(arguments: ["127.0.0.1:80", "127.8.9.10:80", "[::1]:80", "localhost:80"])
    func loopbackNeedsNone(_ address: String) throws {
        #expect(try settle(["--bind", address]).bind.isLoopback)
    }

    @Test(arguments: [
        ["--bind", "8080"], ["--bind", "127.0.0.1:x"], ["--bind", "127.0.0.1:70000"], ["--bind", "::1:80"],
        ["--egress-allow", "10.0.0.1/8"], ["--egress-allow", "nonsense"], ["--api-key-file", "/nonexistent"],
        ["--database-pool-size", "0"], ["--database-pool-size", "101"], ["--header-timeout-seconds", "0"],
        ["--log-level", "loud"],
    ])
    func whatMakesNoSenseIsRefused(_ arguments: [String]) {
        #expect(throws: (any Error).self) { try settle(arguments) }
    }

    @Test(arguments: [
        "short", "has a space in it 123", "# nothing\n", "0123456789abcdef write", "0123456789abcdef read",
        "0123456789abcdef\n0123456789abcdef read",
    ])
    func aKeyFileWithoutAUsableKeyIsRefused(_ text: String) throws {
        let path = try keyFile(text)
        #expect(throws: SettingError.self) { try settle(["--api-key-file", path]) }
    }
}
