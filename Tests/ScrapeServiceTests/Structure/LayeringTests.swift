import Foundation
import Testing

/// Which room may know which: the arrows of ARCHITECTURE.md, held by a test.
@Suite struct LayeringTests {
    /// A room, by folder, and the rooms whose types it may name. Its own sub-folders are rooms of their own.
    private static let httpCore: [String: Set<String>] = [
        "Message": [],
        "Wire": ["Message"],
        "System": [],
        "EventLoop": ["System"],
        "Server": ["Message", "Wire", "System", "EventLoop"],
        "Routing": ["Message", "Server"],
    ]

    private static let scrapeService: [String: Set<String>] = [
        "JSON": [],
        "Domain": [],
        "Words": [],
        "Embedded": [],
        "Fetching/Curl": [],
        "Fetching/Egress": [],
        "Fetching/URLs": ["Domain", "Fetching/Curl"],
        "Fetching": ["Domain", "Fetching/Curl", "Fetching/Egress", "Fetching/URLs"],
        "Extraction/LibXML": [],
        "Extraction/Selectors": [],
        "Extraction": ["Domain", "JSON", "Extraction/LibXML", "Extraction/Selectors"],
        "Storage/Postgres": [],
        "Storage/Schema": ["Domain", "Storage/Postgres"],
        "Storage": ["Domain", "JSON", "Storage/Postgres", "Storage/Schema"],
        "Engine": ["Domain", "JSON"],
        "API": ["Domain", "JSON", "Engine", "Words"],
    ]

    @Test(arguments: [("HTTPCore", httpCore), ("ScrapeService", scrapeService)])
    func aRoomNamesOnlyTheRoomsBelowIt(_ target: String, _ allowed: [String: Set<String>]) {
        let files = SourceTree.files(under: "Sources/\(target)")
        let rooms = Dictionary(grouping: files) { String($0.folder.dropFirst("Sources/\(target)/".count)) }
        let declared = rooms.mapValues(SourceTree.types)
        for (room, files) in rooms where room != "App" {
            guard let mayKnow = allowed[room] else {
                Issue.record("the room \(target)/\(room) has no place in this test's table")
                continue
            }
            for (other, types) in declared where other != room && !mayKnow.contains(other) {
                let foreign = types.subtracting(declared[room] ?? []).subtracting(
                    mayKnow.flatMap { declared[$0] ?? [] })
                for file in files {
                    let named = Set(file.code.matches(of: /[A-Za-z_]\w*/).map { String($0.0) }).intersection(
                        foreign)
                    #expect(named.isEmpty, "\(file.path) names \(named.sorted()) of \(other)")
                }
            }
        }
    }

    @Test func eachCLibraryIsImportedInOneFolderOnly() {
        let homes = [
            "CCurl": "Sources/ScrapeService/Fetching/Curl",
            "CLibXML": "Sources/ScrapeService/Extraction/LibXML",
            "CPostgres": "Sources/ScrapeService/Storage/Postgres",
        ]
        for file in SourceTree.files(under: "Sources") {
            for name in file.imports {
                guard let home = homes[name] else { continue }
                #expect(file.folder == home, "\(file.path) imports \(name)")
            }
        }
    }

    @Test func messageAndWireKnowNoDescriptorClockOrTask() {
        let forbidden = ["Glibc", "Foundation", "Dispatch", "CLinux"]
        for folder in ["Message", "Wire"] {
            for file in SourceTree.files(under: "Sources/HTTPCore/\(folder)") {
                #expect(Set(file.imports).isDisjoint(with: forbidden), "\(file.path)")
                #expect(!file.code.contains("ContinuousClock"), "\(file.path)")
                if folder == "Wire" { #expect(!file.code.contains("await "), "\(file.path)") }
            }
        }
    }

    @Test func theDomainKnowsNoLibrary() {
        for file in SourceTree.files(under: "Sources/ScrapeService/Domain") {
            #expect(Set(file.imports).isSubset(of: ["Foundation"]), "\(file.path)")
        }
    }

    @Test func httpCoreKnowsNothingOfScraping() {
        for file in SourceTree.files(under: "Sources/HTTPCore") {
            #expect(file.lines.joined().firstMatch(of: /(?i)scrap|crawl|postgres/) == nil, "\(file.path)")
        }
    }

    @Test func statusCodesLiveInTheAPIAndSQLInStorage() {
        for file in SourceTree.files(under: "Sources/ScrapeService") {
            let room = file.path.split(separator: "/")[2]
            if !["API"].contains(room) {
                #expect(!file.imports.contains("HTTPTypes"), "\(file.path) imports HTTPTypes")
            }
            if room != "Storage", room != "Embedded" {
                let sql = file.lines.first {
                    $0.firstMatch(of: /"(?i)(select .* from |insert into |update \w+ set |delete from )/)
                        != nil
                }
                #expect(sql == nil, "\(file.path) holds SQL")
            }
        }
    }
}
