/* slices.c - a timeline that does not fit into memory: its lists in a file, as many nodes at a time
 * as fit; and the walk over the lists of any timeline.
 *
 * Where the events of each node begin is counted before. The doers are cut into slices whose events
 * fit. A reading of the relation deals those of a slice to their places; they are sorted and
 * written. The targets' slices are dealt from the doers' lists in the file, so that events of one
 * target and time come by doer.
 *
 * Invariant: place i of `out` lies at i * 24 of the file and place i of `in` as far behind the end
 * of `out`; both arrays are to the byte what they are in memory. So what is found in them does not
 * depend on slices and parts.
 *
 * Cost: a reading a slice of doers, a walk over the file a slice of targets; 24 bytes an event in
 * memory, 48 in the file.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/spill.h"
#include "base/try.h"
#include "graph/timeline.h"

/* Events of a part; a list that is longer is a part by itself. */
enum { PART_MAX = 1 << 20, PART_MIN = 16, PARTS_OF_BUDGET = 16 };

struct rs_timeline_file {
    rsi_spill spill;
    size_t part_room; /* events of a part */
};

void rsi_timeline_file_free(struct rs_timeline_file *file)
{
    if (file != NULL) {
        rsi_spill_close(&file->spill);
        free(file);
    }
}

uint64_t rs_timeline_memory(const rs_timeline *timeline)
{
    uint64_t lists = ((uint64_t)timeline->src_count + timeline->dst_count) * sizeof(uint32_t);
    uint64_t events = timeline->file != NULL ? timeline->file->part_room : timeline->count;
    return timeline->out_first == NULL ? 0 : lists + 2 * events * sizeof(rs_event);
}

/* ---- a walk
 * -------------------------------------------------------------------------------------- */

static uint32_t more_of(const uint32_t *first, uint32_t from, uint32_t to)
{
    return first == NULL ? 0 : first[to + 1] - first[from];
}

static rs_status read_lists(const rs_timeline *line, const uint32_t *first, uint64_t behind,
                            const rs_timeline_part *part, rs_event *events, rs_error *err)
{
    uint64_t begin = behind + first[part->from];
    size_t count = first[part->to] - first[part->from];
    return rsi_spill_read(&line->file->spill, begin * sizeof *events, events,
                          count * sizeof *events, err);
}

rs_status rs_timeline_each(const rs_timeline *timeline, unsigned ends,
                           rs_status (*look)(void *context, const rs_timeline_part *part,
                                             rs_error *err),
                           void *context, rs_error *err)
{
    rs_status status = RS_OK;
    const uint32_t *out = ends & RS_TIMELINE_OUT ? timeline->out_first : NULL;
    const uint32_t *in = ends & RS_TIMELINE_IN ? timeline->in_first : NULL;
    uint32_t nodes = out != NULL ? timeline->src_count : timeline->dst_count;
    rs_timeline_part part = {.line = timeline, .out = timeline->out, .in = timeline->in};
    rs_event *outs = NULL;
    rs_event *ins = NULL;
    if (timeline->file == NULL) {
        part.to = nodes;
        return look(context, &part, err);
    }
    uint32_t room = (uint32_t)timeline->file->part_room;
    if (out != NULL) {
        RS_TRY(rsi_graph_array(&outs, room, sizeof *outs, err));
    }
    if (in != NULL) {
        RS_TRY(rsi_graph_array(&ins, room, sizeof *ins, err));
    }
    part.out = outs;
    part.in = ins;
    for (part.from = 0; part.from < nodes; part.from = part.to) {
        part.to = part.from;
        while (part.to < nodes && more_of(out, part.from, part.to) <= room &&
               more_of(in, part.from, part.to) <= room) {
            part.to++;
        }
        if (out != NULL) {
            RS_TRY(read_lists(timeline, out, 0, &part, outs, err));
        }
        if (in != NULL) {
            RS_TRY(read_lists(timeline, in, timeline->count, &part, ins, err));
        }
        RS_TRY(look(context, &part, err));
    }
done:
    free(outs);
    free(ins);
    return status;
}

/* ---- slices ------------------------------------------------------------------------------------
 */

/* Nodes `from` to `to` - 1 of one end. first[v + 1] is the place of the next event of v. */
typedef struct slice {
    uint32_t *first;
    uint32_t nodes;
    uint32_t from, to;
    uint32_t begin; /* the place of its first event */
    size_t count, room;
    size_t dealt;
    rs_event *events;
    uint64_t behind; /* where the end's events begin in the file */
} slice;

/* The next nodes whose events fit; false where there are none left. */
static bool cut_slice(slice *s)
{
    s->from = s->to;
    s->begin = s->first[s->from + 1];
    while (s->to < s->nodes && s->first[s->to + 2] - s->begin <= s->room) {
        s->to++;
    }
    s->count = s->first[s->to + 1] - s->begin;
    s->dealt = 0;
    return s->to > s->from;
}

/* False where there is no place for it: it was not there when events were counted. */
static bool deal(slice *s, uint32_t rank, const rs_event *event)
{
    uint32_t place = s->first[rank + 1] - s->begin;
    if (place >= s->count) {
        return false;
    }
    s->events[place] = *event;
    s->first[rank + 1]++;
    s->dealt++;
    return true;
}

/* Whether each list has as many events as were counted, so far as the order of places says. */
static bool is_whole(const slice *s)
{
    bool whole = s->dealt == s->count;
    for (uint32_t v = s->from; v < s->to; v++) {
        whole = whole && s->first[v] <= s->first[v + 1];
    }
    return whole && s->first[s->to] == s->begin + s->count;
}

static rs_status finish_slice(const slice *s, const rs_timeline *line, const rs_work *work,
                              rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_timeline_sort(s->first + s->from, s->events, s->to - s->from, work, err));
    RS_TRY(rsi_spill_write(&line->file->spill, (s->behind + s->begin) * sizeof *s->events,
                           s->events, s->count * sizeof *s->events, err));
done:
    return status;
}

/* ---- doers -------------------------------------------------------------------------------------
 */

static bool deal_run(slice *s, const rs_timeline *line, const rsi_edge_stream *stream,
                     const rs_edges *run)
{
    enum { AHEAD = 24, NEAR = 8 };
    for (size_t i = 0; i < run->count; i++) {
        if (i + AHEAD < run->count) {
            uint32_t doer = stream->src.node_of[run->src[i + NEAR]];
            __builtin_prefetch(&stream->dst.node_of[run->dst[i + AHEAD]]);
            __builtin_prefetch(&s->first[doer - line->src_first + 1], 1);
        }
        uint32_t rank = stream->src.node_of[run->src[i]] - line->src_first;
        if (rank < s->from || rank >= s->to || !rsi_timeline_takes(line, stream, run, i)) {
            continue;
        }
        rs_event event = rsi_timeline_event(line, stream, run, i);
        event.node += line->dst_first;
        event.event += line->src_first;
        if (!deal(s, rank, &event)) {
            return false;
        }
    }
    return true;
}

static rs_status read_slice(slice *s, const rs_timeline *line, const rs_graph *graph,
                            size_t relation, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_edge_stream stream = {0};
    rs_edges run = {0};
    bool same = true;
    RS_TRY(rsi_edge_stream_open(&stream, graph, relation, RS_SCAN_TIME | RS_SCAN_AMOUNT, err));
    stream.work = work;
    stream.stage = "ordering events in time";
    do {
        RS_TRY(rsi_edge_stream_next(&stream, &run, err));
        same = deal_run(s, line, &stream, &run);
    } while (run.count > 0 && same);
    if (!same || !is_whole(s)) {
        status = rsi_edge_stream_changed(&stream, err);
    }
done:
    rsi_edge_stream_close(&stream);
    return status;
}

/* ---- targets -----------------------------------------------------------------------------------
 */

/* What was written is what is read: there is a place for each. */
static rs_status deal_part(void *context, const rs_timeline_part *part, rs_error *err)
{
    enum { AHEAD = 16 };
    slice *s = context;
    const rs_timeline *line = part->line;
    uint32_t place = line->out_first[part->from];
    size_t count = line->out_first[part->to] - place;
    for (size_t i = 0; i < count; i++) {
        rs_event event = part->out[i];
        uint32_t rank = event.node - line->dst_first;
        if (i + AHEAD < count) {
            __builtin_prefetch(&s->first[part->out[i + AHEAD].node - line->dst_first + 1], 1);
        }
        if (rank >= s->from && rank < s->to) {
            event.node = event.event;
            event.event = place + (uint32_t)i;
            if (!deal(s, rank, &event)) {
                return rs_fail(err, RS_ECORRUPT, "a temporary file is not what was written to it");
            }
        }
    }
    return RS_OK;
}

/* ---- both --------------------------------------------------------------------------------------
 */

static size_t longest_list(const uint32_t *first, uint32_t nodes)
{
    size_t most = 0;
    for (uint32_t v = 0; v < nodes; v++) {
        size_t count = first[v + 2] - first[v + 1];
        most = count > most ? count : most;
    }
    return most;
}

static size_t between(uint64_t number, size_t least, size_t most)
{
    return number < least ? least : number > most ? most : (size_t)number;
}

/* How many events a slice and a part hold: a longest list at least. What a list takes while it is
 * sorted stands beside it. */
static rs_status make_room(rs_timeline *line, const char *relation, const rs_work *work,
                           size_t *slice_room, rs_error *err)
{
    enum { LIST_EVENT = 2 * (sizeof(rs_event) + sizeof(uint64_t)) };
    rs_status status = RS_OK;
    uint64_t lists = ((uint64_t)line->src_count + line->dst_count) * sizeof(uint32_t);
    size_t sources = longest_list(line->out_first, line->src_count);
    size_t targets = longest_list(line->in_first, line->dst_count);
    size_t longest = sources > targets ? sources : targets;
    uint64_t part = work->memory_bytes / PARTS_OF_BUDGET / sizeof(rs_event);
    line->file->part_room = between(part, PART_MIN, PART_MAX);
    if (line->file->part_room < longest) {
        line->file->part_room = longest;
    }
    uint64_t beside = lists + line->file->part_room * sizeof(rs_event) + longest * LIST_EVENT;
    RS_TRY(rsi_graph_room(work, relation, "events in time",
                          beside + line->file->part_room * sizeof(rs_event), err));
    *slice_room = between((work->memory_bytes - beside) / sizeof(rs_event), longest, line->count);
done:
    return status;
}

rs_status rsi_timeline_slices(rs_timeline *line, const rs_graph *graph, size_t relation,
                              const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    size_t room = 0;
    rs_event *events = NULL;
    RS_TRY(rsi_graph_array(&line->file, 1, sizeof *line->file, err));
    line->file->spill = RSI_SPILL_NONE;
    RS_TRY(rsi_spill_open_in(&line->file->spill, work->folder, err));
    RS_TRY(make_room(line, rs_store_relation(graph->store, relation).name, work, &room, err));
    RS_TRY(rsi_graph_array(&events, room, sizeof *events, err));
    slice out = {
        .first = line->out_first, .nodes = line->src_count, .room = room, .events = events};
    while (cut_slice(&out)) {
        RS_TRY(read_slice(&out, line, graph, relation, work, err));
        RS_TRY(finish_slice(&out, line, work, err));
    }
    slice in = {.first = line->in_first,
                .nodes = line->dst_count,
                .room = room,
                .events = events,
                .behind = line->count};
    while (cut_slice(&in)) {
        RS_TRY(rs_timeline_each(line, RS_TIMELINE_OUT, deal_part, &in, err));
        RS_TRY(finish_slice(&in, line, work, err));
    }
done:
    free(events);
    return status;
}
