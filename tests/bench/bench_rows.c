/* bench_rows.c - what a row costs from the text of a piece to its place in a block, and nothing
 * else: no reading, no numbering of ids, no commit.
 *
 *     bench_rows MAPPING.json FILE.csv [ROUNDS [BLOCKS]]
 *
 * Reads the first BLOCKS pieces (default 6, what a worker fills before the blocks are appended) and
 * parses them again and again. Prints nanoseconds of processor time a row. The store it opens is a
 * folder of its own that is removed again.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/try.h"
#include "ingest/chunk.h"
#include "ingest/feed.h"
#include "ingest/inputs.h"
#include "ingest/mapping.h"
#include "store/batch.h"

enum { BLOCKS_MAX = 64, PIECE_BYTES = 1 << 20 };

typedef struct bench {
    rsi_mapping *mapping;
    rsi_inputs inputs;
    rsi_feed *feed;
    rsi_rower *rower;
    rsi_batch *batch;
    rsi_chunk chunks[BLOCKS_MAX];
    rsi_block *blocks[BLOCKS_MAX];
    size_t used;
} bench;

static rs_status name_type(void *context, rs_text name, uint32_t *type, rs_error *err)
{
    return rsi_batch_type(context, name, type, err);
}

static rs_status name_relation(void *context, const rsi_relation_spec *spec, uint32_t *relation,
                               rs_error *err)
{
    return rsi_batch_relation(context, spec, relation, err);
}

static rs_status name_attribute(void *context, uint32_t type, rs_text name, uint32_t *attribute,
                                rs_error *err)
{
    return rsi_batch_attribute(context, type, name, attribute, err);
}

static rs_status put_row(void *context, const rsi_row *row, uint64_t line, rs_error *err)
{
    rs_status status = RS_OK;
    (void)line;
    for (size_t i = 0; i < row->edge_count; i++) {
        RS_TRY(rsi_block_edge(context, &row->edges[i], err));
    }
done:
    return status;
}

static rs_status put_edges(void *context, rsi_edge_row *edges, size_t count, rs_error *err)
{
    return rsi_block_edges(context, edges, count, err);
}

static rs_status prepare(bench *it, char **argv, size_t blocks, rs_error *err)
{
    rs_status status = RS_OK;
    const char *file = argv[2];
    char folder[] = "/tmp/bench_rows_XXXXXX";
    rsi_feed_options options = {.piece_bytes = PIECE_BYTES};
    rs_work work = {.threads = 1};
    if (mkdtemp(folder) == NULL) {
        return rs_fail(err, RS_EIO, "%s: cannot be made", folder);
    }
    RS_TRY(rsi_mapping_load(&it->mapping, argv[1], err));
    RS_TRY(rsi_inputs_find(&it->inputs, it->mapping, &file, 1, err));
    RS_TRY(rsi_feed_new(&it->feed, &it->inputs, it->mapping, &options, err));
    RS_TRY(rsi_batch_open(&it->batch, folder, false, &work, err));
    rsi_registry registry = {it->batch, name_type, name_relation, name_attribute};
    static rsi_registry kept;
    kept = registry;
    RS_TRY(rsi_rower_new(&it->rower, rsi_mapping_source(it->mapping, 0), &kept, INT64_MAX, err));
    for (; it->used < blocks; it->used++) {
        RS_TRY(rsi_block_new(&it->blocks[it->used], it->batch, err));
        RS_TRY(rsi_feed_next(it->feed, &it->chunks[it->used].input, err));
        if (it->chunks[it->used].input.piece.length == 0) {
            break;
        }
    }
done:
    rmdir(folder);
    return status;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static rs_status run(bench *it, unsigned rounds, rs_error *err)
{
    rs_status status = RS_OK;
    double least = 1e9;
    uint64_t rows = 0;
    uint64_t edges = 0;
    for (unsigned round = 0; round < rounds; round++) {
        double start = seconds();
        rows = 0;
        edges = 0;
        for (size_t i = 0; i < it->used; i++) {
            rsi_row_sink sink = {it->blocks[i], put_row, put_edges};
            rsi_block_reset(it->blocks[i]);
            RS_TRY(rsi_chunk_parse(&it->chunks[i], it->rower, &sink, true, err));
            rows += it->chunks[i].row_count;
            edges += it->chunks[i].yield;
        }
        double cost = (seconds() - start) * 1e9 / (double)rows;
        least = cost < least ? cost : least;
    }
    printf("%" PRIu64 " rows, %" PRIu64 " relations and nodes, %.1f ns a row at best\n", rows,
           edges, least);
done:
    return status;
}

int main(int argc, char **argv)
{
    static bench it;
    rs_error err = {0};
    if (argc < 3) {
        fprintf(stderr, "usage: bench_rows MAPPING.json FILE.csv [ROUNDS [BLOCKS]]\n");
        return 2;
    }
    unsigned rounds = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 20;
    size_t blocks = argc > 4 ? strtoul(argv[4], NULL, 10) : 6;
    rs_status status = prepare(&it, argv, blocks < BLOCKS_MAX ? blocks : BLOCKS_MAX, &err);
    status = status == RS_OK ? run(&it, rounds, &err) : status;
    if (status != RS_OK) {
        fprintf(stderr, "bench_rows: %s\n", err.message);
    }
    for (size_t i = 0; i < BLOCKS_MAX; i++) {
        rsi_chunk_clear(&it.chunks[i]);
        rsi_block_free(it.blocks[i]);
    }
    rsi_rower_free(it.rower);
    rsi_feed_free(it.feed);
    rsi_batch_close(it.batch);
    rsi_inputs_free(&it.inputs);
    rsi_mapping_free(it.mapping);
    return status == RS_OK ? 0 : 1;
}
