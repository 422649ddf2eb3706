/* compact_sort.c - sort runs that fit into memory, spill them, merge them.
 *
 * A run's records lie side by side as the edges came; what is sorted is (src, dst) and a record's
 * place, by radix, then records of equal ends by the rest. A spilled run is its records in order.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/compact_sort.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sort.h"
#include "base/try.h"
#include "ringscope/store.h"
#include "store/merge.h"

enum { LENT = 8192, READ_BYTES = 1 << 18, RUN_MIN = 1 << 16 };

/* A run on disk, where it is read. */
typedef struct spilled_run {
    uint64_t offset; /* of what is not read yet */
    uint64_t end;
    uint8_t *bytes;
    size_t length;
    size_t at;
} spilled_run;

struct rsi_sorter {
    rsi_sorter_options options;
    size_t record_bytes;
    size_t capacity; /* edges of a run in memory */
    size_t count;
    uint8_t *records;
    rsi_record *order;
    rsi_record *scratch;
    int spill; /* -1: nothing was spilled */
    uint64_t spilled_bytes;
    spilled_run *runs;
    size_t run_count;
    rsi_merge merge;
    bool draining;
    size_t drained; /* edges of the run in memory */
    bool has_last;
    rsi_loose_edge last;
    rsi_loose_edge lent[LENT];
};

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (sorting edges)");
}

/* Times and amounts ascend as unsigned numbers, none first. */
static inline uint64_t ascending(int64_t value)
{
    return (uint64_t)value ^ (uint64_t)1 << 63;
}

static void put_record(const rsi_sorter *sorter, const rsi_loose_edge *edge, uint8_t *at)
{
    memcpy(at, edge, sorter->record_bytes); /* fields stand in the order of the columns */
}

static rsi_loose_edge get_record(const rsi_sorter *sorter, const uint8_t *at)
{
    rsi_loose_edge edge = {.time = RS_NO_TIME, .amount = RS_NO_AMOUNT, .precision_s = 1};
    memcpy(&edge, at, sorter->record_bytes);
    return edge;
}

static inline uint64_t ends_of(const rsi_loose_edge *edge)
{
    return (uint64_t)edge->src << 32 | edge->dst;
}

static int compare_rest(const rsi_loose_edge *a, const rsi_loose_edge *b)
{
    uint64_t left[4] = {ascending(a->time), ascending(a->amount),
                        (uint64_t)a->precision_s << 32 | a->file, a->line};
    uint64_t right[4] = {ascending(b->time), ascending(b->amount),
                         (uint64_t)b->precision_s << 32 | b->file, b->line};
    for (int i = 0; i < 4; i++) {
        if (left[i] != right[i]) {
            return left[i] < right[i] ? -1 : 1;
        }
    }
    return 0;
}

/* ---- life --------------------------------------------------------------------------------- */

rs_status rsi_sorter_new(rsi_sorter **out, const rsi_sorter_options *options, rs_error *err)
{
    static const size_t bytes[] = {8, 16, 24, sizeof(rsi_loose_edge)};
    rsi_sorter *sorter = malloc(sizeof *sorter);
    if (sorter == NULL) {
        return no_memory(err);
    }
    memset(sorter, 0, offsetof(rsi_sorter, lent));
    sorter->options = *options;
    sorter->record_bytes = bytes[options->columns];
    sorter->spill = -1;
    uint64_t each = sorter->record_bytes + 2 * sizeof(rsi_record);
    uint64_t most = options->memory_bytes == 0 ? UINT64_MAX : options->memory_bytes / each;
    most = most < RUN_MIN ? RUN_MIN : most;
    most = most > options->count_max ? options->count_max : most;
    sorter->capacity = (size_t)most;
    sorter->records = malloc(sorter->capacity * sorter->record_bytes + 1);
    sorter->order = malloc(sorter->capacity * sizeof *sorter->order + 1);
    sorter->scratch = malloc(sorter->capacity * sizeof *sorter->scratch + 1);
    if (sorter->records == NULL || sorter->order == NULL || sorter->scratch == NULL) {
        rsi_sorter_free(sorter);
        return no_memory(err);
    }
    *out = sorter;
    return RS_OK;
}

static void free_run_memory(rsi_sorter *sorter)
{
    free(sorter->records);
    free(sorter->order);
    free(sorter->scratch);
    sorter->records = NULL;
    sorter->order = NULL;
    sorter->scratch = NULL;
}

void rsi_sorter_free(rsi_sorter *sorter)
{
    if (sorter == NULL) {
        return;
    }
    free_run_memory(sorter);
    for (size_t i = 0; i < sorter->run_count; i++) {
        free(sorter->runs[i].bytes);
    }
    free(sorter->runs);
    free(sorter->merge.heap);
    if (sorter->spill >= 0) {
        close(sorter->spill);
    }
    free(sorter);
}

/* ---- a run in memory ---------------------------------------------------------------------- */

typedef struct tie_context {
    const rsi_sorter *sorter;
} tie_context;

static int compare_places(const void *a, const void *b, void *context)
{
    const rsi_sorter *sorter = ((const tie_context *)context)->sorter;
    const rsi_record *x = a;
    const rsi_record *y = b;
    rsi_loose_edge left = get_record(sorter, sorter->records + x->value * sorter->record_bytes);
    rsi_loose_edge right = get_record(sorter, sorter->records + y->value * sorter->record_bytes);
    return compare_rest(&left, &right);
}

static rs_status sort_run(rsi_sorter *sorter, rs_error *err)
{
    tie_context ties = {sorter};
    rs_status status = rsi_sort_records(sorter->order, sorter->count, sorter->scratch, err);
    if (status != RS_OK || sorter->options.columns == RSI_LOOSE_ENDS) {
        return status;
    }
    for (size_t from = 0; from < sorter->count;) {
        size_t to = from + 1;
        while (to < sorter->count && sorter->order[to].key == sorter->order[from].key) {
            to++;
        }
        if (to - from > 1) {
            qsort_r(sorter->order + from, to - from, sizeof *sorter->order, compare_places, &ties);
        }
        from = to;
    }
    return RS_OK;
}

/* ---- spilling ----------------------------------------------------------------------------- */

/* A file that nobody sees and nobody has to remove. */
static rs_status open_spill(rsi_sorter *sorter, rs_error *err)
{
    static const char name[] = "b00000000-0000.rows"; /* a leftover's, should the unlink fail */
    sorter->spill = openat(sorter->options.directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (sorter->spill < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
        sorter->spill = openat(sorter->options.directory, name,
                               O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (sorter->spill >= 0 && unlinkat(sorter->options.directory, name, 0) != 0) {
            return rs_fail(err, RS_EIO, "cannot unlink a temporary file: %s", strerror(errno));
        }
    }
    if (sorter->spill < 0) {
        return rs_fail(err, RS_EIO, "cannot make a temporary file: %s", strerror(errno));
    }
    return RS_OK;
}

static rs_status write_spill(rsi_sorter *sorter, const uint8_t *bytes, size_t length, rs_error *err)
{
    for (size_t done = 0; done < length;) {
        ssize_t part = pwrite(sorter->spill, bytes + done, length - done,
                              (off_t)(sorter->spilled_bytes + done));
        if (part < 0 && errno == EINTR) {
            continue;
        }
        if (part <= 0) {
            return rs_fail(err, RS_EIO, "cannot write a temporary file: %s",
                           strerror(part == 0 ? ENOSPC : errno));
        }
        done += (size_t)part;
    }
    sorter->spilled_bytes += length;
    return RS_OK;
}

static rs_status add_run(rsi_sorter *sorter, uint64_t start, rs_error *err)
{
    spilled_run *runs = realloc(sorter->runs, (sorter->run_count + 1) * sizeof *runs);
    if (runs == NULL) {
        return no_memory(err);
    }
    sorter->runs = runs;
    runs[sorter->run_count++] = (spilled_run){.offset = start, .end = sorter->spilled_bytes};
    return RS_OK;
}

static rs_status spill_run(rsi_sorter *sorter, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t start = sorter->spilled_bytes;
    size_t size = sorter->record_bytes;
    size_t gathered = 0;
    RS_TRY(sort_run(sorter, err));
    if (sorter->spill < 0) {
        RS_TRY(open_spill(sorter, err));
    }
    uint8_t *piece = (uint8_t *)sorter->scratch;
    size_t room = sorter->capacity * sizeof *sorter->scratch / size * size;
    room = room > READ_BYTES * 4 ? READ_BYTES * 4 / size * size : room;
    for (size_t i = 0; i < sorter->count; i++) {
        memcpy(piece + gathered, sorter->records + sorter->order[i].value * size, size);
        gathered += size;
        if (gathered == room || i + 1 == sorter->count) {
            RS_TRY(write_spill(sorter, piece, gathered, err));
            gathered = 0;
        }
    }
    RS_TRY(add_run(sorter, start, err));
    sorter->count = 0;
done:
    return status;
}

rs_status rsi_sorter_add(rsi_sorter *sorter, const rsi_loose_edge *edge, rs_error *err)
{
    if (sorter->count == sorter->capacity) {
        rs_status status = spill_run(sorter, err);
        if (status != RS_OK) {
            return status;
        }
    }
    put_record(sorter, edge, sorter->records + sorter->count * sorter->record_bytes);
    sorter->order[sorter->count] = (rsi_record){.key = ends_of(edge), .value = sorter->count};
    sorter->count++;
    return RS_OK;
}

uint64_t rsi_sorter_count(const rsi_sorter *sorter)
{
    return sorter->spilled_bytes / sorter->record_bytes + sorter->count;
}

/* ---- merging ------------------------------------------------------------------------------ */

static rs_status fill_run(rsi_sorter *sorter, spilled_run *run, rs_error *err)
{
    uint64_t left = run->end - run->offset;
    size_t wanted = READ_BYTES / sorter->record_bytes * sorter->record_bytes;
    wanted = left < wanted ? (size_t)left : wanted;
    run->at = 0;
    run->length = 0;
    while (run->length < wanted) {
        ssize_t part = pread(sorter->spill, run->bytes + run->length, wanted - run->length,
                             (off_t)(run->offset + run->length));
        if (part < 0 && errno == EINTR) {
            continue;
        }
        if (part <= 0) {
            return rs_fail(err, RS_EIO, "cannot read a temporary file: %s",
                           part == 0 ? "it is cut" : strerror(errno));
        }
        run->length += (size_t)part;
    }
    run->offset += run->length;
    return RS_OK;
}

static rsi_loose_edge run_head(const rsi_sorter *sorter, const spilled_run *run)
{
    return get_record(sorter, run->bytes + run->at);
}

static int compare_runs(const void *context, uint32_t a, uint32_t b)
{
    const rsi_sorter *sorter = context;
    rsi_loose_edge left = run_head(sorter, &sorter->runs[a]);
    rsi_loose_edge right = run_head(sorter, &sorter->runs[b]);
    return compare_rest(&left, &right);
}

static rs_status start_merge(rsi_sorter *sorter, rs_error *err)
{
    rs_status status = RS_OK;
    if (sorter->count > 0) {
        RS_TRY(spill_run(sorter, err));
    }
    free_run_memory(sorter);
    sorter->merge = (rsi_merge){.tie = compare_runs, .context = sorter};
    sorter->merge.heap = calloc(sorter->run_count, sizeof *sorter->merge.heap);
    if (sorter->merge.heap == NULL) {
        return no_memory(err);
    }
    for (uint32_t i = 0; i < sorter->run_count; i++) {
        spilled_run *run = &sorter->runs[i];
        run->bytes = malloc(READ_BYTES);
        if (run->bytes == NULL) {
            return no_memory(err);
        }
        RS_TRY(fill_run(sorter, run, err));
        rsi_loose_edge head = run_head(sorter, run);
        rsi_merge_push(&sorter->merge, ends_of(&head), i);
    }
done:
    return status;
}

static rs_status start_draining(rsi_sorter *sorter, rs_error *err)
{
    sorter->draining = true;
    return sorter->run_count == 0 ? sort_run(sorter, err) : start_merge(sorter, err);
}

/* The next edge of all; false at the end. */
static rs_status take(rsi_sorter *sorter, rsi_loose_edge *edge, bool *taken, rs_error *err)
{
    if (sorter->run_count == 0) {
        *taken = sorter->drained < sorter->count;
        if (*taken) {
            size_t place = (size_t)sorter->order[sorter->drained++].value;
            *edge = get_record(sorter, sorter->records + place * sorter->record_bytes);
        }
        return RS_OK;
    }
    *taken = sorter->merge.count > 0;
    if (!*taken) {
        return RS_OK;
    }
    spilled_run *run = &sorter->runs[sorter->merge.heap[0].stream];
    *edge = run_head(sorter, run);
    run->at += sorter->record_bytes;
    if (run->at == run->length && run->offset < run->end) {
        rs_status status = fill_run(sorter, run, err);
        if (status != RS_OK) {
            return status;
        }
    }
    if (run->at < run->length) {
        rsi_loose_edge head = run_head(sorter, run);
        rsi_merge_replace(&sorter->merge, ends_of(&head));
    } else {
        rsi_merge_pop(&sorter->merge);
    }
    return RS_OK;
}

rs_status rsi_sorter_next(rsi_sorter *sorter, const rsi_loose_edge **edges, size_t *count,
                          rs_error *err)
{
    rs_status status = RS_OK;
    bool taken = true;
    *count = 0;
    *edges = sorter->lent;
    if (!sorter->draining) {
        RS_TRY(start_draining(sorter, err));
    }
    while (*count < LENT) {
        rsi_loose_edge *edge = &sorter->lent[*count];
        RS_TRY(take(sorter, edge, &taken, err));
        if (!taken) {
            break;
        }
        bool again = sorter->options.distinct && sorter->has_last &&
                     ends_of(edge) == ends_of(&sorter->last) &&
                     compare_rest(edge, &sorter->last) == 0;
        sorter->last = *edge;
        sorter->has_last = true;
        *count += !again;
    }
done:
    return status;
}
