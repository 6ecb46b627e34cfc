import Crypto
import Foundation

/// One step of the schema, embedded in the binary. A step that was released is never edited: its text is
/// checked by digest.
struct Migration: Sendable {
    /// From 1, without gaps.
    var version: Int
    var name: String
    var sql: String

    /// SHA-256 of the text, in hex.
    var digest: String {
        SHA256.hash(data: Data(sql.utf8)).map { byte in
            let hex = String(byte, radix: 16)
            return hex.count == 1 ? "0" + hex : hex
        }.joined()
    }

    /// Every step this binary knows, in order.
    static let all: [Migration] = [
        Migration(version: 1, name: "tables", sql: tables),
        Migration(version: 2, name: "frontier functions", sql: frontierFunctions),
        Migration(version: 3, name: "lease functions", sql: leaseFunctions),
        Migration(version: 4, name: "views", sql: views),
        Migration(
            version: 5, name: "several shards a job",
            sql: [spreadTables, spreadFrontier, spreadLeases, controlFunctions].joined(separator: "\n")),
        Migration(version: 6, name: "hosts", sql: hostFunctions),
        Migration(version: 7, name: "webhooks", sql: webhookFunctions),
        Migration(version: 8, name: "retention functions", sql: retentionFunctions),
        Migration(version: 9, name: "warnings", sql: warnings),
        Migration(version: 10, name: "requests", sql: requestFunctions),
        Migration(
            version: 11, name: "files",
            sql: [fileTables, fileFunctions, fileSettling, fileSweeping].joined(separator: "\n")),
        Migration(version: 12, name: "fields", sql: fieldFunctions),
        Migration(version: 13, name: "validators", sql: validatorFunctions),
    ]

    static let latestVersion = all.map(\.version).max() ?? 0
}
