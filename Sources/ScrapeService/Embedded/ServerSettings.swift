/// The server's command line. Durability stays as PostgreSQL ships it, whatever a configuration file says.
enum ServerSettings {
    static func arguments(_ layout: ClusterLayout, _ binaries: ServerBinaries) -> [String] {
        ["-D", layout.cluster, "-k", layout.socketDirectory]
            + settings(binaries).flatMap { ["-c", "\($0.name)=\($0.value)"] }
    }

    private static func settings(_ binaries: ServerBinaries) -> [(name: String, value: String)] {
        [
            // Only through the socket, and only for its owner.
            ("listen_addresses", ""), ("port", "\(ClusterLayout.port)"), ("unix_socket_permissions", "0700"),
            ("fsync", "on"), ("full_page_writes", "on"), ("synchronous_commit", "on"),
            // As many as the service's pool may have.
            ("max_connections", "250"),
            ("shared_buffers", "128MB"),
            // Checkpoints by time rather than by volume: fewer full-page images while a job writes flat out.
            ("max_wal_size", "2GB"),
            // LZ4 is there since PostgreSQL 15.
            ("wal_compression", binaries.major >= 15 ? "lz4" : "on"),
            // The frontier is a queue: its dead rows must go soon.
            ("autovacuum_naptime", "10s"),
            ("track_io_timing", "on"),
            // Our statements are short: compiling them costs more than it saves.
            ("jit", "off"),
            ("log_line_prefix", "%m [%p] "), ("log_destination", "stderr"), ("logging_collector", "off"),
            ("cluster_name", "scrape-service"),
        ]
    }
}
