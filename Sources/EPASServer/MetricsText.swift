import EPASInference
import Foundation

/// Writes counts in Prometheus' text format, version 0.0.4.
///
/// Source: <https://prometheus.io/docs/instrumenting/exposition_formats/>
struct MetricsText {
    private(set) var text = ""

    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private mutating func begin(_ name: String, _ type: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    mutating func counter(_ name: String, _ help: String, _ value: Int) {
        begin(name, "counter", help)
        text += "\(name) \(value)\n"
    }

    mutating func gauge(_ name: String, _ help: String, _ value: Int) {
        begin(name, "gauge", help)
        text += "\(name) \(value)\n"
    }

    mutating func histogram(_ name: String, _ help: String, _ value: ServerMetrics.Histogram) {
        begin(name, "histogram", help)
        var sum = 0
        for (index, count) in value.counts.enumerated() {
            sum += count
            let bound =
                index < ServerMetrics.bounds.count ? "\(ServerMetrics.bounds[index])" : "+Inf"
            text += "\(name)_bucket{le=\"\(bound)\"} \(sum)\n"
        }
        text += "\(name)_sum \(value.sum)\n\(name)_count \(sum)\n"
    }

    init(_ counts: ServerMetrics.Counts, _ engine: EngineStatistics, slots: Int, share: Int) {
        begin("epas_http_requests_total", "counter", "Requests answered.")
        let answers = counts.answers.sorted {
            ($0.key.route, $0.key.status) < ($1.key.route, $1.key.status)
        }
        // Routes are ours, never the client's text, so there is nothing to escape.
        for (label, count) in answers {
            text +=
                "epas_http_requests_total{route=\"\(label.route)\",status=\"\(label.status)\"} "
                + "\(count)\n"
        }
        begin("epas_texts_total", "counter", "Texts asked for, by layers that shared.")
        for (layers, count) in counts.texts.sorted(by: { $0.key < $1.key }) {
            text += "epas_texts_total{sharing_layers=\"\(layers)\"} \(count)\n"
        }
        histogram(
            "epas_request_seconds", "Seconds from a request's headers to its answer's end.",
            counts.seconds)
        histogram(
            "epas_first_token_seconds", "Seconds from a text's request to its first token.",
            counts.firstTokenSeconds)
        histogram(
            "epas_token_seconds", "Seconds between a text's tokens.", counts.tokenSeconds)
        counter(
            "epas_disconnects_total", "Clients that went before their answer.",
            counts.disconnects)
        counter("epas_connections_total", "Connections accepted.", counts.connections)
        gauge("epas_connections", "Connections open.", counts.open)
        gauge("epas_sharing_layers", "Layers that share where a request does not say.", share)
        gauge("epas_slots", "Requests that can run at once.", slots)
        gauge("epas_running", "Requests that run.", engine.running)
        gauge("epas_waiting", "Requests that wait for a slot.", engine.waiting)
        gauge("epas_cache_blocks", "Blocks of the key-value cache.", engine.blocks)
        gauge("epas_cache_blocks_used", "Blocks in use by running requests.", engine.usedBlocks)
        gauge("epas_cache_blocks_kept", "Blocks kept for later prompts.", engine.keptBlocks)
        gauge("epas_cache_block_bytes", "Bytes of one block.", engine.blockBytes)
        counter("epas_finished_total", "Requests finished.", engine.finishedRequests)
        counter("epas_cancelled_total", "Requests cancelled.", engine.cancelledRequests)
        counter("epas_failed_total", "Requests that failed.", engine.failedRequests)
        counter("epas_prompt_tokens_total", "Prompt tokens.", engine.promptTokens)
        counter(
            "epas_cached_tokens_total", "Prompt tokens found in the cache.",
            engine.cachedTokens)
        counter("epas_new_tokens_total", "Tokens generated.", engine.newTokens)
        counter(
            "epas_preemptions_total", "Requests that started over for want of memory.",
            engine.preemptions)
        counter("epas_decode_runs_total", "Runs of the decode program.", engine.decodeRuns)
        counter("epas_decode_rows_total", "Rows of all decode runs.", engine.decodeRows)
        if let bytes = Self.residentBytes {
            gauge("process_resident_memory_bytes", "Resident memory.", bytes)
        }
    }

    /// Field 2 of `/proc/self/statm`, in pages.
    private static var residentBytes: Int? {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else {
            return nil
        }
        let fields = text.split(separator: " ")
        guard fields.count > 1, let pages = Int(fields[1]) else { return nil }
        return pages * Int(getpagesize())
    }
}
