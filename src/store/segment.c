/* segment.c - a block of sorted edges as columns of small numbers.
 *
 *   note  = [ edges u32 ][ first src u32 ][ first dst u32 ][ last src u32 ]
 *   meta  = [ direction u32 ][ 0 u32 ][ edges u64 ][ earliest time i64 ][ latest time i64 ]
 *   block = [ runs u32 ][ flags u8 ][ time base i64 ], then columns (intcodec.h):
 *           src     per run: the distance from the run's src to that of the run before (or to 0)
 *           degree  per run: its edges - 1
 *           head    per run: the dst of its first edge, itself or its distance (zigzag) from the
 *                   head of the run before (8), from its src (16), or from what follows the
 *                   greatest dst before it (24): whichever takes least
 *           gap     per edge that is not the first of a run: its dst - the dst before
 *           time    per edge: 0 none, else time - base + 1      where flag 1 is set
 *           amount  per edge: 0 none, else zigzag + 1           where flag 2 is set
 *           precision per edge: seconds                         where flag 4 is set
 * A run is the edges of one src in this block.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/segment.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/try.h"
#include "store/fast.h"

enum { FLAG_TIME = 1, FLAG_AMOUNT = 2, FLAG_PRECISION = 4, FLAGS_ALL = 31 };
/* What heads are told from: bits 3 and 4 of the flags. */
enum { HEAD_ABSOLUTE, HEAD_BEFORE, HEAD_SRC, HEAD_NEXT, HEAD_MODES, HEAD_SHIFT = 3 };
enum { BLOCK_HEAD = 13 };

enum { SLACK = 8 }; /* behind what is written with more than there is */

/* What the other side needs stays untouched, so it takes no memory. */
struct rsi_segment_coder {
    rsi_intcodec *codec;
    /* Of an encoder. */
    uint64_t a[RSI_BLOCK_EDGES_MAX];
    uint64_t b[RSI_BLOCK_EDGES_MAX];
    uint64_t d[RSI_BLOCK_EDGES_MAX];
    uint64_t heads[HEAD_MODES - 1][RSI_BLOCK_EDGES_MAX];
    /* Of both: heads, told from 0 or as the block tells them. */
    uint64_t c[RSI_BLOCK_EDGES_MAX];
    /* Of a decoder. */
    uint32_t distance[RSI_BLOCK_EDGES_MAX];
    uint32_t more[RSI_BLOCK_EDGES_MAX];
    uint32_t gap[RSI_BLOCK_EDGES_MAX + SLACK];
    uint32_t src[RSI_BLOCK_EDGES_MAX + SLACK];
    uint32_t dst[RSI_BLOCK_EDGES_MAX + SLACK];
    uint64_t time[RSI_BLOCK_EDGES_MAX]; /* as stored, then of type int64_t */
    uint64_t amount[RSI_BLOCK_EDGES_MAX];
    uint32_t precision_s[RSI_BLOCK_EDGES_MAX];
};

rs_status rsi_segment_coder_new(rsi_segment_coder **out, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_segment_coder *coder = malloc(sizeof *coder);
    if (coder == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (coder of edges)");
    }
    coder->codec = NULL;
    RS_TRY(rsi_intcodec_new(&coder->codec, err));
    *out = coder;
    coder = NULL;
done:
    rsi_segment_coder_free(coder);
    return status;
}

void rsi_segment_coder_free(rsi_segment_coder *coder)
{
    if (coder != NULL) {
        rsi_intcodec_free(coder->codec);
        free(coder);
    }
}

/* ---- encode ------------------------------------------------------------------------------- */

/* What the head of a run is told from, by mode. */
typedef struct head_origins {
    uint64_t at[HEAD_MODES];
} head_origins;

static inline void origins_of_run(head_origins *origins, uint64_t src)
{
    origins->at[HEAD_SRC] = src;
}

/* After a run from `head` to `last`. */
static inline void origins_after_run(head_origins *origins, uint64_t head, uint64_t last)
{
    origins->at[HEAD_BEFORE] = head;
    if (last >= origins->at[HEAD_NEXT]) {
        origins->at[HEAD_NEXT] = last + 1;
    }
}

static inline uint64_t code_head(unsigned mode, uint64_t head, uint64_t origin)
{
    return mode == HEAD_ABSOLUTE ? head : rsi_zigzag((int64_t)(head - origin));
}

/* The heads of all runs by each mode: replaces c by what takes least and returns the mode. */
static unsigned choose_heads(rsi_segment_coder *coder, const rsi_edge_columns *edges, size_t runs)
{
    uint64_t *coded[HEAD_MODES] = {coder->c, coder->heads[0], coder->heads[1], coder->heads[2]};
    head_origins origins = {{0}};
    size_t edge = 0;
    for (size_t run = 0; run < runs; run++) {
        uint64_t head = coder->c[run];
        origins_of_run(&origins, edges->src[edge]);
        for (unsigned mode = HEAD_BEFORE; mode < HEAD_MODES; mode++) {
            coded[mode][run] = code_head(mode, head, origins.at[mode]);
        }
        edge += (size_t)coder->b[run] + 1;
        origins_after_run(&origins, head, edges->dst[edge - 1]);
    }
    unsigned best = HEAD_ABSOLUTE;
    uint64_t least = UINT64_MAX;
    for (unsigned mode = 0; mode < HEAD_MODES; mode++) {
        uint64_t bytes = rsi_ints_estimate(coded[mode], runs);
        best = bytes < least ? mode : best;
        least = bytes < least ? bytes : least;
    }
    if (best != HEAD_ABSOLUTE) {
        memcpy(coder->c, coded[best], runs * sizeof *coder->c);
    }
    return best;
}

/* Runs into a (src distance), b (degree - 1), c (head); gaps into d. Returns the runs. */
static size_t split_runs(rsi_segment_coder *coder, const rsi_edge_columns *edges)
{
    size_t runs = 0;
    size_t gaps = 0;
    uint32_t before = 0;
    for (size_t i = 0; i < edges->count; i++) {
        if (i > 0 && edges->src[i] == edges->src[i - 1]) {
            coder->b[runs - 1]++;
            coder->d[gaps++] = edges->dst[i] - edges->dst[i - 1];
        } else {
            coder->a[runs] = edges->src[i] - before;
            coder->b[runs] = 0;
            coder->c[runs++] = edges->dst[i];
            before = edges->src[i];
        }
    }
    return runs;
}

static int64_t earliest(const rsi_edge_columns *edges)
{
    int64_t base = INT64_MAX;
    for (size_t i = 0; edges->time != NULL && i < edges->count; i++) {
        int64_t time = edges->time[i];
        base = time != RS_NO_TIME && time < base ? time : base;
    }
    return base == INT64_MAX ? 0 : base;
}

static rs_status encode_extras(rsi_segment_coder *coder, const rsi_edge_columns *edges,
                               int64_t base, rsi_buffer *out, rs_error *err)
{
    rs_status status = RS_OK;
    size_t count = edges->count;
    if (edges->time != NULL) {
        for (size_t i = 0; i < count; i++) {
            int64_t time = edges->time[i];
            coder->a[i] = time == RS_NO_TIME ? 0 : (uint64_t)time - (uint64_t)base + 1;
        }
        RS_TRY(rsi_ints_encode(coder->codec, coder->a, count, out, err));
    }
    if (edges->amount != NULL) {
        for (size_t i = 0; i < count; i++) {
            int64_t amount = edges->amount[i];
            coder->a[i] = amount == RS_NO_AMOUNT ? 0 : rsi_zigzag(amount) + 1;
        }
        RS_TRY(rsi_ints_encode(coder->codec, coder->a, count, out, err));
    }
    if (edges->precision_s != NULL) {
        for (size_t i = 0; i < count; i++) {
            coder->a[i] = edges->precision_s[i];
        }
        RS_TRY(rsi_ints_encode(coder->codec, coder->a, count, out, err));
    }
done:
    return status;
}

rs_status rsi_segment_encode(rsi_segment_coder *coder, const rsi_edge_columns *edges,
                             rsi_buffer *out, uint8_t note[RSI_SEGMENT_NOTE_BYTES], rs_error *err)
{
    rs_status status = RS_OK;
    uint8_t head[BLOCK_HEAD];
    size_t runs = split_runs(coder, edges);
    int64_t base = earliest(edges);
    unsigned mode = choose_heads(coder, edges, runs);
    rsi_store_u32le(head, (uint32_t)runs);
    head[4] = (uint8_t)((edges->time != NULL ? FLAG_TIME : 0u) |
                        (edges->amount != NULL ? FLAG_AMOUNT : 0u) |
                        (edges->precision_s != NULL ? FLAG_PRECISION : 0u) | mode << HEAD_SHIFT);
    rsi_store_u64le(head + 5, (uint64_t)base);
    RS_TRY(rsi_buffer_add(out, head, sizeof head, err));
    RS_TRY(rsi_ints_encode(coder->codec, coder->a, runs, out, err));
    RS_TRY(rsi_ints_encode(coder->codec, coder->b, runs, out, err));
    RS_TRY(rsi_ints_encode(coder->codec, coder->c, runs, out, err));
    RS_TRY(rsi_ints_encode(coder->codec, coder->d, edges->count - runs, out, err));
    RS_TRY(encode_extras(coder, edges, base, out, err));
    rsi_store_u32le(note, (uint32_t)edges->count);
    rsi_store_u32le(note + 4, edges->src[0]);
    rsi_store_u32le(note + 8, edges->dst[0]);
    rsi_store_u32le(note + 12, edges->src[edges->count - 1]);
done:
    return status;
}

/* ---- decode ------------------------------------------------------------------------------- */

/* Sources that differ, and runs that add up to `count` edges. Every number has 32 bits, so sums of
 * 65,536 of them cannot wrap round. */
RSI_INLINED bool check_runs(const rsi_segment_coder *coder, size_t runs, size_t count)
{
    uint64_t edges = runs;
    uint32_t least = UINT32_MAX;
    for (size_t run = 0; run < runs; run++) {
        edges += coder->more[run];
    }
    for (size_t run = 1; run < runs; run++) {
        least = coder->distance[run] < least ? coder->distance[run] : least;
    }
    return least > 0 && edges == count;
}

/* Edges behind the first of a run are made four at a time, whether there are as many or not: what
 * is too much the next run writes over, and most runs are done without a wrong guess. */
enum { AT_ONCE = 4 };
typedef uint32_t four __attribute__((vector_size(4 * AT_ONCE)));

/* The sums of the first one, two, three and four gaps from here on. */
RSI_INLINED four sums_of(const uint32_t *gaps)
{
    four zero = {0};
    four sums;
    memcpy(&sums, gaps, sizeof sums);
    sums += __builtin_shufflevector(zero, sums, 0, 4, 5, 6);
    sums += __builtin_shufflevector(zero, sums, 0, 1, 4, 5);
    return sums;
}

/* Expand runs and gaps; false where a source or a head is no node. Targets of one run may have
 * wrapped round: see ascends. Inlined for each mode. */
RSI_INLINED bool join_by_mode(rsi_segment_coder *coder, unsigned mode, size_t runs)
{
    uint32_t *src_at = coder->src;
    uint32_t *dst_at = coder->dst;
    const uint32_t *gaps = coder->gap;
    uint64_t src = 0;
    uint64_t largest = 0;
    head_origins origins = {{0}};
    for (size_t run = 0; run < runs; run++) {
        size_t more = coder->more[run];
        src += coder->distance[run];
        origins_of_run(&origins, src);
        uint64_t head = mode == HEAD_ABSOLUTE
                            ? coder->c[run]
                            : origins.at[mode] + (uint64_t)rsi_unzigzag(coder->c[run]);
        largest = head > largest ? head : largest;
        src_at[0] = (uint32_t)src;
        dst_at[0] = (uint32_t)head;
        four sources = (four){0} + (uint32_t)src;
        four targets = (four){0} + (uint32_t)head;
        size_t done = 0;
        do { /* once at least: most runs are short, and none would be a guess more */
            targets += sums_of(gaps + done);
            memcpy(src_at + 1 + done, &sources, sizeof sources);
            memcpy(dst_at + 1 + done, &targets, sizeof targets);
            targets = __builtin_shufflevector(targets, targets, 3, 3, 3, 3);
            done += AT_ONCE;
        } while (done < more);
        origins_after_run(&origins, head, dst_at[more]);
        gaps += more;
        src_at += more + 1;
        dst_at += more + 1;
    }
    return src < RS_NO_NODE && largest < RS_NO_NODE;
}

/* Do targets ascend within each source? The greatest of them into *largest. */
RSI_INLINED bool ascends(const uint32_t *src, const uint32_t *dst, size_t count, uint32_t *largest)
{
    uint32_t most = dst[0];
    uint32_t bad = 0;
    for (size_t i = 1; i < count; i++) {
        bad |= (uint32_t)(src[i] == src[i - 1]) & (uint32_t)(dst[i] < dst[i - 1]);
        most = dst[i] > most ? dst[i] : most;
    }
    *largest = most;
    return bad == 0 && most < RS_NO_NODE;
}

RSI_INLINED bool join_runs(rsi_segment_coder *coder, unsigned mode, size_t runs, size_t count,
                           uint32_t *largest)
{
    bool right = false;
    switch (mode) {
    case HEAD_BEFORE:
        right = join_by_mode(coder, HEAD_BEFORE, runs);
        break;
    case HEAD_SRC:
        right = join_by_mode(coder, HEAD_SRC, runs);
        break;
    case HEAD_NEXT:
        right = join_by_mode(coder, HEAD_NEXT, runs);
        break;
    default:
        right = join_by_mode(coder, HEAD_ABSOLUTE, runs);
    }
    return right && ascends(coder->src, coder->dst, count, largest);
}

RSI_FAST static bool join_fast(rsi_segment_coder *coder, unsigned mode, size_t runs, size_t count,
                               uint32_t *largest)
{
    return check_runs(coder, runs, count) && join_runs(coder, mode, runs, count, largest);
}

static bool join_any(rsi_segment_coder *coder, unsigned mode, size_t runs, size_t count,
                     uint32_t *largest)
{
    return check_runs(coder, runs, count) && join_runs(coder, mode, runs, count, largest);
}

static rs_status decode_time(rsi_segment_coder *coder, rsi_cursor *cursor, int64_t base,
                             size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t room = (uint64_t)INT64_MAX - (uint64_t)base; /* from the base to the last second */
    RS_TRY(rsi_ints_decode(coder->codec, cursor, count, coder->time, err));
    bool beyond = false;
    for (size_t i = 0; i < count; i++) {
        uint64_t value = coder->time[i];
        beyond |= value - 1 > room && value > 0;
        coder->time[i] = value == 0 ? (uint64_t)RS_NO_TIME : (uint64_t)base + value - 1;
    }
    if (beyond) {
        status = rs_fail(err, RS_ECORRUPT, "the time of an edge is beyond 64 bits");
    }
done:
    return rs_context(err, status, "time");
}

static rs_status decode_amount(rsi_segment_coder *coder, rsi_cursor *cursor, size_t count,
                               rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_ints_decode(coder->codec, cursor, count, coder->amount, err));
    for (size_t i = 0; i < count; i++) {
        uint64_t value = coder->amount[i];
        coder->amount[i] = value == 0 ? (uint64_t)RS_NO_AMOUNT : (uint64_t)rsi_unzigzag(value - 1);
    }
done:
    return rs_context(err, status, "amount");
}

static rs_status decode_precision(rsi_segment_coder *coder, rsi_cursor *cursor, size_t count,
                                  rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_ints_decode32(coder->codec, cursor, count, coder->precision_s, err));
    for (size_t i = 0; i < count; i++) {
        if (coder->precision_s[i] == 0) {
            status = rs_fail(err, RS_ECORRUPT, "the precision of edge %zu is none", i);
            goto done;
        }
    }
done:
    return rs_context(err, status, "precision");
}

static rs_status decode_extras(rsi_segment_coder *coder, rsi_cursor *cursor, unsigned flags,
                               unsigned columns, int64_t base, rsi_edge_columns *edges,
                               rs_error *err)
{
    rs_status status = RS_OK;
    bool timed = (columns & RS_SCAN_TIME) != 0;
    if ((flags & FLAG_TIME) != 0) {
        RS_TRY(timed ? decode_time(coder, cursor, base, edges->count, err)
                     : rsi_ints_skip(cursor, err));
        edges->time = timed ? (const int64_t *)coder->time : NULL;
    }
    if ((flags & FLAG_AMOUNT) != 0) {
        bool wanted = (columns & RS_SCAN_AMOUNT) != 0;
        RS_TRY(wanted ? decode_amount(coder, cursor, edges->count, err)
                      : rsi_ints_skip(cursor, err));
        edges->amount = wanted ? (const int64_t *)coder->amount : NULL;
    }
    if ((flags & FLAG_PRECISION) != 0) {
        RS_TRY(timed ? decode_precision(coder, cursor, edges->count, err)
                     : rsi_ints_skip(cursor, err));
        edges->precision_s = timed ? coder->precision_s : NULL;
    }
    if (cursor->at != cursor->end) {
        status =
            rs_fail(err, RS_ECORRUPT, "%zu bytes follow the last column", rsi_cursor_left(cursor));
    }
done:
    return status;
}

static rs_status decode_ends(rsi_segment_coder *coder, rsi_cursor *cursor, unsigned mode,
                             size_t runs, const rsi_segment_note *note, uint32_t *largest,
                             rs_error *err)
{
    rs_status status = RS_OK;
    rsi_intcodec *codec = coder->codec;
    size_t count = note->edge_count;
    RS_TRY(rs_context(err, rsi_ints_decode32(codec, cursor, runs, coder->distance, err), "src"));
    RS_TRY(rs_context(err, rsi_ints_decode32(codec, cursor, runs, coder->more, err), "degree"));
    RS_TRY(rs_context(err, rsi_ints_decode(codec, cursor, runs, coder->c, err), "head"));
    RS_TRY(rs_context(err, rsi_ints_decode32(codec, cursor, count - runs, coder->gap, err), "gap"));
    bool joined = rsi_fast_here() ? join_fast(coder, mode, runs, count, largest)
                                  : join_any(coder, mode, runs, count, largest);
    if (!joined || coder->src[0] != note->first_src || coder->dst[0] != note->first_dst ||
        coder->src[count - 1] != note->last_src) {
        status =
            rs_fail(err, RS_ECORRUPT, "its %zu edges are not those that the index names", count);
    }
done:
    return status;
}

rs_status rsi_segment_decode(rsi_segment_coder *coder, const uint8_t *bytes, size_t length,
                             const rsi_segment_note *note, unsigned columns,
                             rsi_edge_columns *edges, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_cursor cursor = {bytes, bytes + length};
    uint32_t runs = 0;
    uint8_t flags = 0;
    uint64_t base = 0;
    size_t count = note->edge_count;
    *edges = (rsi_edge_columns){.count = count, .src = coder->src, .dst = coder->dst};
    if (!rsi_take_u32(&cursor, &runs) || !rsi_take_u8(&cursor, &flags) ||
        !rsi_take_u64(&cursor, &base) || count == 0 || count > RSI_BLOCK_EDGES_MAX || runs == 0 ||
        runs > count || (flags & ~(unsigned)FLAGS_ALL) != 0) {
        return rs_fail(err, RS_ECORRUPT, "its head promises %u sources for %zu edges, flags %u",
                       runs, count, flags);
    }
    RS_TRY(decode_ends(coder, &cursor, flags >> HEAD_SHIFT, runs, note, &edges->dst_max, err));
    RS_TRY(decode_extras(coder, &cursor, flags, columns, (int64_t)base, edges, err));
done:
    return status;
}

/* ---- meta and notes ----------------------------------------------------------------------- */

void rsi_segment_meta_store(const rsi_segment_meta *meta, uint8_t bytes[RSI_SEGMENT_META_BYTES])
{
    rsi_store_u32le(bytes, meta->direction);
    rsi_store_u32le(bytes + 4, 0);
    rsi_store_u64le(bytes + 8, meta->edge_count);
    rsi_store_u64le(bytes + 16, (uint64_t)meta->time_min);
    rsi_store_u64le(bytes + 24, (uint64_t)meta->time_max);
}

rsi_segment_meta rsi_segment_meta_load(const uint8_t *bytes)
{
    return (rsi_segment_meta){.direction = rsi_load_u32le(bytes),
                              .edge_count = rsi_load_u64le(bytes + 8),
                              .time_min = (int64_t)rsi_load_u64le(bytes + 16),
                              .time_max = (int64_t)rsi_load_u64le(bytes + 24)};
}

rsi_segment_note rsi_segment_note_load(const uint8_t *bytes)
{
    return (rsi_segment_note){.edge_count = rsi_load_u32le(bytes),
                              .first_src = rsi_load_u32le(bytes + 4),
                              .first_dst = rsi_load_u32le(bytes + 8),
                              .last_src = rsi_load_u32le(bytes + 12)};
}

static rs_status check_notes(const rsi_blockfile *file, uint64_t edge_count, rs_error *err)
{
    uint64_t edges = 0;
    uint32_t last = 0;
    for (size_t i = 0; i < file->block_count; i++) {
        const rsi_block_entry *entry = &file->blocks[i];
        if (entry->note_length != RSI_SEGMENT_NOTE_BYTES) {
            return rs_fail(err, RS_ECORRUPT, "block %zu: a note of %d bytes was expected, found %u",
                           i, RSI_SEGMENT_NOTE_BYTES, entry->note_length);
        }
        rsi_segment_note note = rsi_segment_note_load(entry->note);
        if (note.edge_count == 0 || note.edge_count > RSI_BLOCK_EDGES_MAX ||
            note.first_src < last || note.last_src < note.first_src) {
            return rs_fail(err, RS_ECORRUPT, "block %zu: %u edges of %u to %u cannot follow %u", i,
                           note.edge_count, note.first_src, note.last_src, last);
        }
        last = note.last_src;
        edges += note.edge_count;
    }
    if (edges != edge_count) {
        return rs_fail(err, RS_ECORRUPT,
                       "%" PRIu64 " edges were expected, the index counts %" PRIu64, edge_count,
                       edges);
    }
    return RS_OK;
}

rs_status rsi_segment_check(const rsi_blockfile *file, rsi_segment_meta *meta, rs_error *err)
{
    rs_status status = RS_OK;
    if (file->meta_length != RSI_SEGMENT_META_BYTES) {
        status = rs_fail(err, RS_ECORRUPT, "meta of %d bytes was expected, found %u",
                         RSI_SEGMENT_META_BYTES, file->meta_length);
        goto done;
    }
    uint32_t direction = file->ref.kind == RSI_FILE_REVERSE ? RSI_BACKWARD : RSI_FORWARD;
    if (rsi_load_u32le(file->meta) != direction || rsi_load_u32le(file->meta + 4) != 0) {
        status = rs_fail(err, RS_ECORRUPT, "direction %u was expected, found %u", direction,
                         rsi_load_u32le(file->meta));
        goto done;
    }
    *meta = rsi_segment_meta_load(file->meta);
    RS_TRY(check_notes(file, meta->edge_count, err));
done:
    return rs_context(err, status, "%s%s file \"%s\"", RSI_INVARIANT(status, "S-09"),
                      rsi_file_kind_name(file->ref.kind), file->ref.name);
}

/* ---- without unpacking -------------------------------------------------------------------- */

/* The length of the column at *at, its own four bytes included; steps over it. */
static rs_status look_at_column(const rsi_blockfile *file, size_t block, uint32_t *at,
                                uint64_t *bytes, rs_error *err)
{
    uint8_t length[4];
    rs_status status = rsi_blockfile_peek(file, block, *at, length, sizeof length, err);
    if (status != RS_OK) {
        return status;
    }
    uint64_t whole = (uint64_t)rsi_load_u32le(length) + sizeof length;
    if (whole > file->blocks[block].length - *at) {
        return rs_fail(err, RS_ECORRUPT, "S-06: %s file \"%s\": block %zu: a column is too long",
                       rsi_file_kind_name(file->ref.kind), file->ref.name, block);
    }
    *at += (uint32_t)whole;
    *bytes += whole;
    return RS_OK;
}

rs_status rsi_segment_look(const rsi_blockfile *file, size_t block, rsi_segment_shape *shape,
                           rs_error *err)
{
    rs_status status = RS_OK;
    uint8_t head[BLOCK_HEAD];
    uint32_t at = BLOCK_HEAD;
    *shape = (rsi_segment_shape){.structure_bytes = BLOCK_HEAD};
    RS_TRY(rsi_blockfile_peek(file, block, 0, head, sizeof head, err));
    shape->columns = head[4] & (FLAG_TIME | FLAG_AMOUNT | FLAG_PRECISION);
    for (int i = 0; i < 4; i++) {
        RS_TRY(look_at_column(file, block, &at, &shape->structure_bytes, err));
    }
    if ((shape->columns & FLAG_TIME) != 0) {
        RS_TRY(look_at_column(file, block, &at, &shape->time_bytes, err));
    }
    if ((shape->columns & FLAG_AMOUNT) != 0) {
        RS_TRY(look_at_column(file, block, &at, &shape->amount_bytes, err));
    }
    if ((shape->columns & FLAG_PRECISION) != 0) {
        RS_TRY(look_at_column(file, block, &at, &shape->time_bytes, err));
    }
done:
    return status;
}
