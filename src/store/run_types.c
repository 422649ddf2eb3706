/* run_types.c - the new ids of all runs become the part of the dictionary that one run in memory
 * would have given, and each run learns which numbers its ids have.
 *
 * Runs list their ids in order, so they are merged front to back. An id that several runs brought
 * comes from each of them in a row. Node types go side by side, a task each; then event keys, whose
 * repeats are weighed by the numbers of nodes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/parallel.h"
#include "base/try.h"
#include "store/batch_internal.h"
#include "store/merge.h"

enum { WINDOW_MIN = 1 << 13, WINDOW_MAX = 1 << 15, WINDOWS_BYTES = 1 << 22 };

typedef struct id_stream {
    rsi_spill_reader reader;
    uint32_t left;  /* ids that were not read */
    uint32_t place; /* of the head among the run's */
    rsi_ranks_window ranks;
    uint32_t length;
    char bytes[RSI_ID_BYTES_MAX];
} id_stream;

/* Ids on their way into a block of the dictionary. */
typedef struct block_maker {
    rsi_zblock *zblock;
    rsi_blockwriter *writer;
    rs_text texts[RSI_DICT_BLOCK_IDS_MAX];
    size_t count;
    size_t used; /* bytes of ids */
    rsi_buffer scratch;
    rsi_buffer block;
    rsi_buffer note;
    char bytes[RSI_DICT_BLOCK_BYTES_CUT + RSI_ID_BYTES_MAX];
} block_maker;

/* The event that a key stands for, of those that were seen. */
typedef struct best_event {
    uint32_t run;
    uint32_t place;
    bool loaded;
    rsi_event event;
} best_event;

typedef struct type_merge {
    rsi_output *output;
    rsi_batch_type_state *type;
    uint32_t number; /* of the type in the batch */
    rsi_blockwriter *writer;
    id_stream **streams; /* per run; NULL: it has none */
    rsi_merge merge;
    size_t prefix; /* bytes that all ids of all runs begin with */
    uint32_t fresh_count;
    uint64_t dropped_count;
    block_maker *maker;
    best_event best;
    size_t last_length; /* of the id before */
    char last[RSI_ID_BYTES_MAX];
} type_merge;

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (dictionary of the batch)");
}

static rsi_type_run *run_of(const type_merge *m, uint32_t run)
{
    rsi_batch_run *runs = m->output->batch->runs;
    return m->number < runs[run].type_count ? &runs[run].types[m->number] : NULL;
}

/* ---- streams ------------------------------------------------------------------------------ */

static rs_text head_of(const id_stream *stream)
{
    return (rs_text){.bytes = stream->bytes, .length = stream->length};
}

/* Read the next id over the one before it. */
static rs_status step(id_stream *stream, rs_error *err)
{
    rs_status status = RS_OK;
    const uint8_t *bytes = NULL;
    RS_TRY(rsi_spill_take(&stream->reader, 2, &bytes, err));
    size_t shared = bytes[0];
    size_t rest = bytes[1];
    if (shared == 255) {
        RS_TRY(rsi_spill_take(&stream->reader, 4, &bytes, err));
        shared = rsi_load_u16le(bytes);
        rest = rsi_load_u16le(bytes + 2);
    }
    RS_TRY(rsi_spill_take(&stream->reader, rest, &bytes, err));
    if (shared > stream->length || shared + rest > RSI_ID_BYTES_MAX) {
        status = rs_fail(err, RS_ECORRUPT, "a temporary file holds other bytes than were written");
        goto done;
    }
    if (rest > 0) {
        memcpy(stream->bytes + shared, bytes, rest);
    }
    stream->length = (uint32_t)(shared + rest);
    stream->left--;
    stream->place++;
done:
    return status;
}

/* Eight bytes behind the prefix that all ids have: streams are compared by them. */
static uint64_t key_of(const type_merge *m, const id_stream *stream)
{
    rs_text id = head_of(stream);
    id.bytes += m->prefix < id.length ? m->prefix : id.length;
    id.length -= m->prefix < id.length ? m->prefix : id.length;
    return rsi_merge_text_key(id);
}

/* Of equal keys: ids that end within them differ in their length at most. */
static int compare_heads(const void *context, uint32_t a, uint32_t b)
{
    const type_merge *m = context;
    rs_text x = head_of(m->streams[a]);
    rs_text y = head_of(m->streams[b]);
    if (x.length <= m->prefix + 8 && y.length <= m->prefix + 8) {
        return (x.length > y.length) - (x.length < y.length);
    }
    return rsi_text_compare(x, y);
}

/* What the first and the last of sorted ids begin with, all of them do. */
static void find_prefix(type_merge *m)
{
    rs_text low = {.bytes = NULL};
    rs_text high = {.bytes = NULL};
    m->prefix = 0;
    for (uint32_t r = 0; r < m->output->batch->run_count; r++) {
        const rsi_type_run *run = run_of(m, r);
        if (m->streams[r] == NULL) {
            continue;
        }
        rs_text first = head_of(m->streams[r]);
        rs_text last = {.bytes = run->last, .length = run->last_length};
        low = low.bytes == NULL || rsi_text_compare(first, low) < 0 ? first : low;
        high = high.bytes == NULL || rsi_text_compare(last, high) > 0 ? last : high;
    }
    if (low.bytes != NULL) {
        m->prefix = rsi_text_shared(low, high);
    }
}

static bool has_ids(const type_merge *m)
{
    for (uint32_t r = 0; r < m->output->batch->run_count; r++) {
        const rsi_type_run *run = run_of(m, r);
        if (run != NULL && run->fresh_count > 0) {
            return true;
        }
    }
    return false;
}

/* Smaller windows where runs are many. */
static size_t window_bytes(const type_merge *m)
{
    size_t each = WINDOWS_BYTES / m->output->batch->run_count;
    return each < WINDOW_MIN ? WINDOW_MIN : (each > WINDOW_MAX ? WINDOW_MAX : each);
}

static rs_status open_stream(type_merge *m, uint32_t number, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_spill *spill = &m->output->batch->spill;
    rsi_type_run *run = run_of(m, number);
    if (run == NULL || run->fresh_count == 0) {
        return RS_OK;
    }
    id_stream *stream = calloc(1, sizeof *stream);
    m->streams[number] = stream;
    if (stream == NULL) {
        return no_memory(err);
    }
    run->ranks = (rsi_ranks){
        .offset = rsi_spill_reserve(spill, run->fresh_count * (uint64_t)sizeof(uint32_t)),
        .count = run->fresh_count};
    RS_TRY(rsi_spill_reader_init(&stream->reader, spill, run->extents, run->extent_count,
                                 window_bytes(m), err));
    stream->left = run->fresh_count;
    stream->place = UINT32_MAX;
    RS_TRY(step(stream, err));
done:
    return status;
}

/* ---- blocks ------------------------------------------------------------------------------- */

static rs_status make_block(block_maker *maker, rs_error *err)
{
    rs_status status = RS_OK;
    maker->block.length = 0;
    maker->note.length = 0;
    RS_TRY(rsi_dict_encode(maker->zblock, maker->texts, maker->count, &maker->scratch,
                           &maker->block, &maker->note, err));
    RS_TRY(rsi_blockwriter_add(maker->writer, maker->block.bytes, maker->block.length,
                               maker->note.bytes, maker->note.length, err));
    maker->count = 0;
    maker->used = 0;
done:
    return status;
}

/* Blocks end where those of a part made in memory do. */
static rs_status put_id(block_maker *maker, rs_text id, rs_error *err)
{
    char *copy = maker->bytes + maker->used;
    if (id.length > 0) {
        memcpy(copy, id.bytes, id.length);
    }
    maker->texts[maker->count++] = (rs_text){.bytes = copy, .length = id.length};
    maker->used += id.length;
    bool full = maker->count == RSI_DICT_BLOCK_IDS_MAX || maker->used >= RSI_DICT_BLOCK_BYTES_CUT;
    return full ? make_block(maker, err) : RS_OK;
}

/* ---- event keys --------------------------------------------------------------------------- */

/* The number in the batch of a run's, which takes its place. */
static rs_status renumber(const rsi_batch *batch, uint32_t type, uint32_t run, uint64_t *field,
                          rs_error *err)
{
    const rsi_ranks *ranks = &batch->runs[run].types[type].ranks;
    uint32_t known = batch->types[type]->known_count;
    uint32_t number = 0;
    if (*field < known) {
        return RS_OK;
    }
    rs_status status =
        rsi_spill_read(&batch->spill, ranks->offset + (*field - known) * sizeof number, &number,
                       sizeof number, err);
    *field = (uint64_t)known + number;
    return status;
}

/* An event in the numbers of the batch. */
static rs_status load_event(const type_merge *m, uint32_t run, uint32_t place, rsi_event *event,
                            rs_error *err)
{
    const rsi_batch *batch = m->output->batch;
    const rsi_batch_run *from = &batch->runs[run];
    const rsi_extent *events = &from->types[m->number].events;
    rs_status status = RS_OK;
    RS_TRY(rsi_spill_read(&batch->spill, events->offset + place * (uint64_t)sizeof *event, event,
                          sizeof *event, err));
    uint64_t *fields = event->fields;
    const rsi_batch_relation_state *relation = batch->relations[fields[0]];
    fields[0] = relation->order;
    RS_TRY(renumber(batch, relation->src_type, run, &fields[1], err));
    RS_TRY(renumber(batch, relation->dst_type, run, &fields[2], err));
    fields[6] = batch->file_ranks == NULL ? 0 : batch->file_ranks[from->files[fields[6]]];
done:
    return status;
}

static bool is_before(const rsi_event *a, const rsi_event *b)
{
    for (int i = 0; i < RSI_EVENT_FIELDS; i++) {
        if (a->fields[i] != b->fields[i]) {
            return a->fields[i] < b->fields[i];
        }
    }
    return false;
}

static rs_status drop_event(type_merge *m, uint32_t run_number, uint32_t place, rs_error *err)
{
    rsi_type_run *run = run_of(m, run_number);
    if (run->dropped == NULL) {
        run->dropped = calloc(run->fresh_count / 64 + 1, sizeof *run->dropped);
        if (run->dropped == NULL) {
            return no_memory(err);
        }
    }
    run->dropped[place / 64] |= (uint64_t)1 << place % 64;
    m->dropped_count++;
    return RS_OK;
}

/* Another run has the key too: the lesser event stays. */
static rs_status weigh(type_merge *m, uint32_t run, uint32_t place, rs_error *err)
{
    rs_status status = RS_OK;
    best_event *best = &m->best;
    rsi_event event;
    if (!best->loaded) {
        RS_TRY(load_event(m, best->run, best->place, &best->event, err));
        best->loaded = true;
    }
    RS_TRY(load_event(m, run, place, &event, err));
    if (is_before(&event, &best->event)) {
        RS_TRY(drop_event(m, best->run, best->place, err));
        *best = (best_event){.run = run, .place = place, .loaded = true, .event = event};
    } else {
        RS_TRY(drop_event(m, run, place, err));
    }
done:
    return status;
}

/* ---- one type ----------------------------------------------------------------------------- */

/* The least head of all: a new id of the batch, or once more the one before. */
static rs_status take_top(type_merge *m, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t number = m->merge.heap[0].stream;
    id_stream *stream = m->streams[number];
    rs_text id = head_of(stream);
    rs_text last = {.bytes = m->last, .length = m->last_length};
    if (m->fresh_count == 0 || rsi_text_compare(last, id) != 0) {
        if (m->fresh_count >= RS_NO_NODE - 1 - m->type->known_count) {
            return rs_fail(err, RS_EUSAGE, "more than %u nodes of one type", RS_NO_NODE - 1);
        }
        RS_TRY(put_id(m->maker, id, err));
        memcpy(m->last, id.bytes, id.length);
        m->last_length = id.length;
        m->fresh_count++;
        m->best = (best_event){.run = number, .place = stream->place};
    } else if (m->type->hidden) {
        RS_TRY(weigh(m, number, stream->place, err));
    }
    const rsi_spill *spill = &m->output->batch->spill;
    const rsi_ranks *ranks = &run_of(m, number)->ranks;
    RS_TRY(rsi_ranks_add(spill, ranks, &stream->ranks, m->fresh_count - 1, err));
    if (stream->left == 0) {
        RS_TRY(rsi_ranks_flush(spill, ranks, &stream->ranks, err));
        rsi_merge_pop(&m->merge);
        goto done;
    }
    RS_TRY(step(stream, err));
    rsi_merge_replace(&m->merge, key_of(m, stream));
done:
    return status;
}

static rs_status open_merge(type_merge *m, rs_error *err)
{
    rs_status status = RS_OK;
    size_t runs = m->output->batch->run_count;
    m->streams = calloc(runs, sizeof(id_stream *));
    m->merge.heap = calloc(runs, sizeof *m->merge.heap);
    m->maker = calloc(1, sizeof *m->maker);
    if (m->streams == NULL || m->merge.heap == NULL || m->maker == NULL) {
        return no_memory(err);
    }
    m->merge.tie = compare_heads;
    m->merge.context = m;
    for (uint32_t r = 0; r < runs; r++) {
        RS_TRY(open_stream(m, r, err));
    }
    find_prefix(m);
    for (uint32_t r = 0; r < runs; r++) {
        if (m->streams[r] != NULL) {
            rsi_merge_push(&m->merge, key_of(m, m->streams[r]), r);
        }
    }
done:
    return status;
}

static rs_status merge_ids(type_merge *m, rs_error *err)
{
    rs_status status = RS_OK;
    block_maker *maker = m->maker;
    RS_TRY(rsi_zblock_new(&maker->zblock, err));
    while (m->merge.count > 0) {
        RS_TRY(take_top(m, err));
    }
    if (maker->count > 0) {
        RS_TRY(make_block(maker, err));
    }
done:
    return status;
}

static void close_merge(type_merge *m)
{
    for (size_t r = 0; m->streams != NULL && r < m->output->batch->run_count; r++) {
        if (m->streams[r] != NULL) {
            rsi_spill_reader_free(&m->streams[r]->reader);
            free(m->streams[r]);
        }
    }
    if (m->maker != NULL) {
        rsi_zblock_free(m->maker->zblock);
        rsi_buffer_free(&m->maker->scratch);
        rsi_buffer_free(&m->maker->block);
        rsi_buffer_free(&m->maker->note);
    }
    free(m->maker);
    free(m->streams);
    free(m->merge.heap);
}

static rs_status merge_type(void *context, size_t index, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    type_merge *m = (type_merge *)context + index;
    (void)worker;
    RS_TRY(open_merge(m, err));
    m->maker->writer = m->writer;
    RS_TRY(merge_ids(m, err));
done:
    close_merge(m);
    return rs_context(err, status, "type \"%s\"", m->type->name);
}

/* ---- all of them -------------------------------------------------------------------------- */

/* Types that have new ids, node types or event keys; one file each. */
static rs_status plan(rsi_output *output, bool hidden, type_merge *merges, size_t *count,
                      rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_batch *batch = output->batch;
    *count = 0;
    for (uint32_t t = 0; t < batch->type_count; t++) {
        type_merge *m = &merges[*count];
        *m = (type_merge){.output = output, .type = batch->types[t], .number = t};
        if (m->type->hidden == hidden && has_ids(m)) {
            RS_TRY(rsi_output_file(output, RSI_FILE_DICTIONARY, m->type->object, &m->writer, err));
            (*count)++;
        }
    }
done:
    return status;
}

static rs_status finish(rsi_output *output, const type_merge *m, rs_error *err)
{
    rsi_batch_type_state *type = m->type;
    uint8_t meta[RSI_DICT_META_BYTES];
    type->fresh_count = m->fresh_count;
    output->dropped_count += m->dropped_count;
    output->next->types[type->object].node_count = type->known_count + type->fresh_count;
    rsi_dict_meta(type->known_count, type->fresh_count, meta);
    return rsi_output_finish(output, m->writer, type->object, meta, sizeof meta, err);
}

static rs_status merge_some(rsi_output *output, bool hidden, type_merge *merges, rs_error *err)
{
    rs_status status = RS_OK;
    size_t count = 0;
    const rs_work *work = &output->batch->work;
    RS_TRY(rs_work_report(work, "dictionary", "steps", hidden, 2, err));
    for (uint32_t t = 0; t < output->batch->type_count; t++) {
        output->batch->types[t]->fresh_count =
            output->batch->types[t]->hidden == hidden ? 0 : output->batch->types[t]->fresh_count;
    }
    RS_TRY(plan(output, hidden, merges, &count, err));
    RS_TRY(rsi_parallel(work, count, merge_type, merges, err));
    for (size_t i = 0; i < count; i++) {
        RS_TRY(finish(output, &merges[i], err));
    }
done:
    return status;
}

rs_status rsi_merge_types(rsi_output *output, rs_error *err)
{
    rs_status status = RS_OK;
    type_merge *merges = malloc((output->batch->type_count + 1) * sizeof *merges);
    if (merges == NULL) {
        return no_memory(err);
    }
    RS_TRY(merge_some(output, false, merges, err));
    RS_TRY(merge_some(output, true, merges, err)); /* needs the numbers of nodes */
done:
    free(merges);
    return status;
}
