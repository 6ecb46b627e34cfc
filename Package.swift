// swift-tools-version: 6.2
import PackageDescription

/// One set of rules for every target of ours: Swift 6 mode, explicit existentials and imports, no warnings.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "ScrapeService",
    products: [
        .library(name: "HTTPCore", targets: ["HTTPCore"]),
        .library(name: "PrometheusMetrics", targets: ["PrometheusMetrics"]),
        .executable(name: "scrape-service", targets: ["scrape-service"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CLibXML", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CMimalloc", providers: [.apt(["libmimalloc-dev"])]),
        .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(
            name: "HTTPCore",
            dependencies: [
                "CLinux",
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
            ],
            swiftSettings: strict),
        .target(
            name: "PrometheusMetrics",
            dependencies: [.product(name: "Metrics", package: "swift-metrics")], swiftSettings: strict),
        .target(
            name: "ScrapeService",
            dependencies: [
                "HTTPCore", "PrometheusMetrics", "CCurl", "CLibXML", "CPCRE2", "CPostgres", "CZlib",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Yams", package: "Yams"),
            ],
            exclude: [
                "Fetching/Egress/README.md", "Fetching/URLs/README.md", "Words/StopWords/README.md",
            ],
            resources: [.embedInCode("Words/StopWords"), .embedInCode("API/Contract/openapi.yaml")],
            swiftSettings: strict),
        .executableTarget(
            name: "scrape-service",
            dependencies: [
                "ScrapeService", "CMimalloc",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "EchoServer", dependencies: ["HTTPCore"], path: "Examples/EchoServer", swiftSettings: strict
        ),
        .executableTarget(
            name: "EventServer",
            dependencies: [
                "HTTPCore", .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Examples/EventServer", swiftSettings: strict),
        .executableTarget(
            name: "HelloServer",
            dependencies: [
                "HTTPCore", .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Examples/HelloServer", swiftSettings: strict),
        .executableTarget(
            name: "ConformanceServer",
            dependencies: [
                "HTTPCore", "CLinux",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "Examples/ConformanceServer", swiftSettings: strict),
        .testTarget(
            name: "HTTPCoreTests",
            dependencies: [
                "HTTPCore", "CLinux", "EchoServer", .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
            ],
            exclude: ["Wire/Corpus"], swiftSettings: strict),
        .testTarget(
            name: "PrometheusMetricsTests",
            dependencies: ["PrometheusMetrics", .product(name: "Metrics", package: "swift-metrics")],
            exclude: ["Fixtures"], swiftSettings: strict),
        .testTarget(
            name: "ScrapeServiceTests",
            dependencies: [
                "ScrapeService", "HTTPCore", "PrometheusMetrics",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Yams", package: "Yams"),
            ],
            exclude: ["Extraction/oracle", "Robots/robots.cases", "Words/Fixtures"],
            swiftSettings: strict),
        .executableTarget(
            name: "WordBenchmark", dependencies: ["ScrapeService"], path: "Benchmarks/words",
            exclude: ["README.md", "run", "count.py"], swiftSettings: strict),
        .target(name: "CAllocationCounter", path: "Benchmarks/http/CAllocationCounter"),
        .executableTarget(
            name: "AllocationBenchmark",
            dependencies: [
                "HTTPCore", "CAllocationCounter", .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Benchmarks/http/Allocations", swiftSettings: strict),
    ]
)
