import Foundation
import Testing

/// Which room may know which: the arrows of ARCHITECTURE.md, held by a test.
@Suite struct LayeringTests {
    /// A room, by folder, and the rooms whose types it may name. A sub-folder is a room of its own.
    private static let rooms: [String: [String: Set<String>]] = [
        "HTTPCore": [
            "Message": [],
            "Wire": ["Message"],
            "System": [],
            "EventLoop": ["System"],
            "Server": ["Message", "Wire", "System", "EventLoop"],
            "Routing": ["Message", "Server"],
            "Content": ["Message", "System", "EventLoop"],
            "Observing": ["Message", "Server", "EventLoop", "System"],
        ],
        "ScrapeService": [
            "JSON": [],
            "JSON/Path": ["JSON", "Patterns"],
            "Domain": [],
            "Words": [],
            "Robots": [],
            "Patterns": [],
            "Embedded": [],
            "Fetching/Curl": [],
            "Fetching/Egress": [],
            "Fetching/URLs": ["Domain", "Fetching/Curl"],
            "Fetching/Names": ["Fetching/Curl", "Fetching/Egress", "Fetching/URLs"],
            "Fetching": [
                "Domain", "Fetching/Curl", "Fetching/Egress", "Fetching/URLs", "Fetching/Names",
            ],
            "Extraction/LibXML": ["Domain", "Extraction/Selectors", "Extraction/Encoding"],
            "Extraction/Selectors": ["Domain"],
            "Extraction/Encoding": ["Domain"],
            "Extraction/Sitemaps": ["Domain", "Robots", "Extraction/LibXML", "Extraction/Encoding"],
            "Extraction": [
                "Domain", "JSON", "JSON/Path", "Patterns", "Extraction/LibXML", "Extraction/Selectors",
                "Extraction/Encoding", "Extraction/Sitemaps",
            ],
            "Storage/Postgres": [],
            "Storage/Schema": [],
            "Storage": ["Domain", "JSON", "Storage/Postgres", "Storage/Schema"],
            "Engine/Concurrency": [],
            "Engine/Scheduling": ["Domain", "Engine/Concurrency"],
            "Engine": ["Domain", "JSON", "Robots", "Patterns", "Engine/Scheduling", "Engine/Concurrency"],
            "API": ["Domain", "JSON", "Patterns", "Engine", "Engine/Concurrency", "Words"],
        ],
    ]

    @Test(arguments: ["HTTPCore", "ScrapeService"])
    func aRoomNamesOnlyTheRoomsBelowIt(_ target: String) throws {
        let allowed = try #require(Self.rooms[target])
        let files = SourceTree.sources.filter { $0.path.hasPrefix("Sources/\(target)/") }
        let declared = Dictionary(grouping: files, by: \.room).mapValues { files in
            files.reduce(into: Set<String>()) { $0.formUnion($1.types) }
        }
        // A type inside another may have a name that is another room's at the top level.
        let nested = Dictionary(grouping: files, by: \.room).mapValues { files in
            files.reduce(into: Set<String>()) { $0.formUnion($1.nestedTypes) }
        }
        for file in files where file.room != "App" {
            let own = nested[file.room] ?? []
            guard let mayKnow = allowed[file.room] else {
                Issue.record("the room \(target)/\(file.room) has no place in this test's table")
                continue
            }
            let known = mayKnow.union([file.room]).reduce(into: own) { $0.formUnion(declared[$1] ?? []) }
            for (other, types) in declared where other != file.room && !mayKnow.contains(other) {
                let named = file.names.intersection(types.subtracting(known)).sorted()
                if !named.isEmpty { Issue.record("\(file.path) names \(named) of \(other)") }
            }
        }
    }

    @Test func noTwoRoomsKnowEachOther() {
        for (target, rooms) in Self.rooms {
            var settled: Set<String> = []
            while let next = rooms.first(where: {
                !settled.contains($0.key) && $0.value.isSubset(of: settled)
            }) {
                settled.insert(next.key)
            }
            #expect(settled.count == rooms.count, "the table of \(target) has a circle")
        }
    }

    @Test func eachCLibraryIsImportedInOneFolderOnly() {
        let homes = [
            "CCurl": "Sources/ScrapeService/Fetching/Curl",
            "CLibXML": "Sources/ScrapeService/Extraction/LibXML",
            "CPostgres": "Sources/ScrapeService/Storage/Postgres",
            "CZlib": "Sources/ScrapeService/Extraction/Sitemaps",
        ]
        for file in SourceTree.sources {
            for name in file.imports {
                guard let home = homes[name] else { continue }
                #expect(file.folder == home, "\(file.path) imports \(name)")
            }
        }
    }

    @Test func messageAndWireKnowNoDescriptorAndNoClock() {
        let forbidden = ["Glibc", "Foundation", "Dispatch", "CLinux"]
        let files = SourceTree.sources.filter {
            $0.folder.hasSuffix("/Message") || $0.folder.hasSuffix("/Wire")
        }
        #expect(!files.isEmpty)
        for file in files {
            #expect(Set(file.imports).isDisjoint(with: forbidden), "\(file.path)")
            #expect(!file.names.contains("ContinuousClock"), "\(file.path)")
            if file.room == "Wire" { #expect(!file.names.contains("await"), "\(file.path)") }
        }
    }

    @Test func theDomainKnowsNoLibrary() {
        for file in SourceTree.sources where file.room == "Domain" {
            #expect(Set(file.imports).isSubset(of: ["Foundation"]), "\(file.path)")
        }
    }

    @Test func httpCoreKnowsNothingOfScraping() {
        for file in SourceTree.sources where file.path.hasPrefix("Sources/HTTPCore/") {
            for word in ["scrap", "crawl", "postgres"] {
                #expect(!file.lines.contains { $0.lowercased().contains(word) }, "\(file.path) says \(word)")
            }
        }
    }

    @Test func prometheusIsKnownWhereEverythingIsWired() {
        for file in SourceTree.sources where file.imports.contains("PrometheusMetrics") {
            #expect(file.room == "App", "\(file.path)")
        }
        let own = SourceTree.sources.filter { $0.path.hasPrefix("Sources/PrometheusMetrics/") }
        #expect(!own.isEmpty)
        for file in own {
            let known: Set<String> = ["CoreMetrics", "Synchronization", "Glibc"]
            #expect(known.isSuperset(of: file.imports), "\(file.path)")
            #expect(!file.lines.contains { $0.lowercased().contains("http") }, "\(file.path) says http")
        }
    }

    @Test func statusCodesLiveInTheAPIAndSQLInStorage() {
        for file in SourceTree.sources where file.path.hasPrefix("Sources/ScrapeService/") {
            let room = file.room.prefix { $0 != "/" }
            if room != "API" {
                #expect(!file.imports.contains("HTTPTypes"), "\(file.path) imports HTTPTypes")
            }
            guard room != "Storage", room != "Embedded" else { continue }
            for mark in ["\"select ", "\"insert into ", "\"update ", "\"delete from "] {
                #expect(!file.lines.contains { $0.lowercased().contains(mark) }, "\(file.path) holds SQL")
            }
        }
    }
}
