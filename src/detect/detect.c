/* detect.c - the order of work: components, the plain ones, the rest by workers, and one numbering.
 *
 *   components -> pieces -> plain: settled here
 *                        -> up to component_max nodes: a worker (exact if tiny, igraph if not)
 *                        -> larger: contracted (split.c), the parts to workers
 *   all -> community of each node -> connected parts of communities -> smallest node is the label
 *
 * Invariant: a task is a run of pieces of fixed total cost, whatever the number of workers.
 * Cost: 30 ns a link for components and pieces; igraph for what is left (leiden.c).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ringscope/detect.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fork.h"
#include "base/try.h"
#include "detect/components.h"
#include "detect/layout.h"
#include "detect/leiden.h"
#include "detect/plain.h"
#include "detect/split.h"

#define TASK_COST 20000 /* vertices and links of the pieces that travel together, at least */

/* A piece that waits for a worker: piece `piece` of the components, or of the parts of a split one.
 */
struct item {
    uint32_t split; /* NOT_SPLIT, or index in job.splits */
    uint32_t piece;
};
#define NOT_SPLIT UINT32_MAX

/* A component that was contracted, and what its vertices stand for. */
struct cut {
    uint32_t component;
    rsi_split split;
    uint32_t *community; /* of each vertex of the contracted graph */
};

/* All that a worker knows beside what it is given. */
struct brief {
    const rs_detect_options *options;
};

struct rs_detect_crew {
    struct brief brief;
    rs_detect_options options;
    rsi_fork_crew *workers;
};

struct job {
    struct brief brief; /* first: workers look no further */
    const rs_link_graph *graph;
    const rs_detect_options *options;
    rsi_fork_crew *workers; /* NULL: fork them */
    rsi_layout components;
    uint32_t *community; /* of each node: the caller's label array */
    struct cut *cuts;
    size_t cut_count;
    struct item *items;
    size_t item_count;
    size_t *first_item; /* of each task; task_count + 1 */
    uint64_t *cost;
    size_t task_count;
    rs_detect_counts counts;
};

static rsi_piece piece_of(const struct job *job, struct item item)
{
    const rsi_layout *layout =
        item.split == NOT_SPLIT ? &job->components : &job->cuts[item.split].split.parts;
    return rsi_layout_piece(layout, item.piece);
}

static uint64_t cost_of(const rsi_piece *piece)
{
    return piece->vertex_count + piece->link_count;
}

/* ---- the worker's side ---------------------------------------------------------------------- */

/* A piece travels as [ vertices 8 ][ links 8 ][ weights 8 each ][ a 4 each ][ b ][ masses ][ to 8
 * ]. */
static rs_status give_piece(const rsi_piece *piece, rsi_buffer *out, rs_error *err)
{
    rs_status status = RS_OK;
    size_t n = piece->vertex_count;
    size_t m = piece->link_count;
    RS_TRY(rsi_buffer_add_u32(out, piece->vertex_count, err));
    RS_TRY(rsi_buffer_add_u32(out, piece->start != NULL, err));
    RS_TRY(rsi_buffer_add_u64(out, m, err));
    RS_TRY(rsi_buffer_add(out, piece->weight, m * sizeof *piece->weight, err));
    RS_TRY(rsi_buffer_add(out, piece->a, m * sizeof *piece->a, err));
    RS_TRY(rsi_buffer_add(out, piece->b, m * sizeof *piece->b, err));
    RS_TRY(rsi_buffer_add(out, piece->mass, n * sizeof *piece->mass, err));
    if (piece->start != NULL) {
        RS_TRY(rsi_buffer_add(out, piece->start, n * sizeof *piece->start, err));
    } else if (n % 2 != 0) {
        RS_TRY(rsi_buffer_add_u32(out, 0, err));
    }
done:
    return status;
}

/* The reverse, in place: the buffer is aligned, and each piece takes a multiple of 8 bytes. */
static bool take_piece(rsi_cursor *in, rsi_piece *piece)
{
    uint32_t n;
    uint32_t has_start;
    uint64_t m;
    if (!rsi_take_u32(in, &n) || !rsi_take_u32(in, &has_start) || !rsi_take_u64(in, &m)) {
        return false;
    }
    size_t masses = has_start || n % 2 == 0 ? n : (size_t)n + 1;
    piece->vertex_count = n;
    piece->link_count = (size_t)m;
    piece->weight = (const void *)rsi_take(in, m * sizeof *piece->weight);
    piece->a = (const void *)rsi_take(in, m * sizeof *piece->a);
    piece->b = (const void *)rsi_take(in, m * sizeof *piece->b);
    piece->mass = (const void *)rsi_take(in, masses * sizeof *piece->mass);
    piece->start = has_start ? (const void *)rsi_take(in, n * sizeof *piece->start) : NULL;
    return piece->mass != NULL && (piece->start != NULL || !has_start);
}

/* How a piece was settled: the first number of its answer. */
enum { BY_PROOF, BY_LEIDEN };

static rs_status solve(const rsi_piece *piece, const rs_detect_options *options,
                       rsi_plain_scratch *scratch, uint32_t *answer, rs_error *err)
{
    uint32_t *label = answer + 1;
    answer[0] = BY_PROOF;
    if (piece->vertex_count <= RSI_EXACT_VERTICES) {
        rsi_plain_exact(piece, options->resolution, label, scratch);
        return RS_OK;
    }
    answer[0] = BY_LEIDEN;
    return rsi_leiden(piece, options, label, err);
}

static rs_status run(void *context, size_t task, rsi_cursor in, rsi_buffer *out, rs_error *err)
{
    const struct brief *brief = context;
    (void)task;
    rs_status status = RS_OK;
    rsi_piece piece;
    rsi_plain_scratch *scratch = malloc(sizeof *scratch);
    if (scratch == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu bytes)", sizeof *scratch);
    }
    while (take_piece(&in, &piece)) {
        size_t bytes = ((size_t)piece.vertex_count + 1) * sizeof(uint32_t);
        RS_TRY(rsi_buffer_reserve(out, bytes, err));
        uint32_t *answer = (void *)(out->bytes + out->length);
        RS_TRY(solve(&piece, brief->options, scratch, answer, err));
        out->length += bytes;
    }
done:
    free(scratch);
    return status;
}

/* ---- the caller's side ---------------------------------------------------------------------- */

static rs_status give(void *context, size_t task, rsi_buffer *out, rs_error *err)
{
    const struct job *job = context;
    rs_status status = RS_OK;
    for (size_t i = job->first_item[task]; i < job->first_item[task + 1]; i++) {
        rsi_piece piece = piece_of(job, job->items[i]);
        RS_TRY(give_piece(&piece, out, err));
    }
done:
    return status;
}

static rs_status take(void *context, size_t task, rsi_cursor answer, rs_error *err)
{
    struct job *job = context;
    for (size_t i = job->first_item[task]; i < job->first_item[task + 1]; i++) {
        struct item item = job->items[i];
        bool whole = item.split == NOT_SPLIT;
        const rsi_layout *layout = whole ? &job->components : &job->cuts[item.split].split.parts;
        uint32_t *community = whole ? job->community : job->cuts[item.split].community;
        rsi_piece piece = rsi_layout_piece(layout, item.piece);
        const uint32_t *vertices = layout->vertices + layout->first_vertex[item.piece];
        const uint32_t *label =
            (const void *)rsi_take(&answer, ((size_t)piece.vertex_count + 1) * sizeof *label);
        if (label == NULL) {
            return rs_fail(err, RS_EIO, "a worker's answer ends early (task %zu)", task);
        }
        job->counts.plain_count += whole && *label == BY_PROOF;
        job->counts.leiden_count += *label++ == BY_LEIDEN;
        for (uint32_t v = 0; v < piece.vertex_count; v++) {
            if (label[v] >= piece.vertex_count) {
                return rs_fail(err, RS_EIO, "a worker's answer names vertex %u of %u", label[v],
                               piece.vertex_count);
            }
            community[vertices[v]] = vertices[label[v]];
        }
    }
    return RS_OK;
}

static rs_status add_cut(struct job *job, uint32_t component, rs_error *err)
{
    struct cut *cuts = realloc(job->cuts, (job->cut_count + 1) * sizeof *cuts);
    if (cuts == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu components to split)", job->cut_count);
    }
    job->cuts = cuts;
    cuts[job->cut_count++] = (struct cut){.component = component};
    return RS_OK;
}

/* A plain component's nodes have one label already, the component's. */
static rs_status sort_components(struct job *job, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t count = job->components.piece_count;
    rs_detect_counts *counts = &job->counts;
    rsi_plain_scratch *scratch = malloc(sizeof *scratch);
    job->items = malloc(((size_t)count + 1) * sizeof *job->items);
    if (scratch == NULL || job->items == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u components)", count);
        goto done;
    }
    for (uint32_t p = 0; p < count; p++) {
        rsi_piece piece = rsi_layout_piece(&job->components, p);
        if (p % 65536 == 0) {
            RS_TRY(rs_work_report(work, "components", "components", p, count, err));
        }
        counts->largest =
            piece.vertex_count > counts->largest ? piece.vertex_count : counts->largest;
        if (rsi_plain_is_one(&piece, job->options->resolution, scratch)) {
            counts->plain_count++;
        } else if (piece.vertex_count > job->options->component_max) {
            RS_TRY(add_cut(job, p, err));
        } else {
            job->items[job->item_count++] = (struct item){NOT_SPLIT, p};
        }
    }
    counts->component_count = count;
    counts->split_count = (uint32_t)job->cut_count;
done:
    free(scratch);
    return status;
}

static rs_status make_cut(struct job *job, uint32_t index, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    struct cut *cut = &job->cuts[index];
    rsi_piece piece = rsi_layout_piece(&job->components, cut->component);
    RS_TRY(rsi_split_make(&cut->split, &piece, job->options, work, err));
    cut->community = malloc(((size_t)cut->split.part_count + 1) * sizeof *cut->community);
    size_t count = job->item_count + cut->split.parts.piece_count;
    struct item *items = realloc(job->items, (count + 1) * sizeof *items);
    job->items = items == NULL ? job->items : items;
    if (cut->community == NULL || items == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu pieces)", count);
        goto done;
    }
    for (uint32_t v = 0; v < cut->split.part_count; v++) {
        cut->community[v] = cut->split.start[v];
    }
    for (uint32_t p = 0; p < cut->split.parts.piece_count; p++) {
        items[job->item_count++] = (struct item){index, p};
    }
done:
    return status;
}

/* Runs of items that cost about the same; a piece that costs more is a task by itself. */
static rs_status make_tasks(struct job *job, rs_error *err)
{
    job->first_item = malloc((job->item_count + 1) * sizeof *job->first_item);
    job->cost = calloc(job->item_count + 1, sizeof *job->cost);
    if (job->first_item == NULL || job->cost == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu pieces)", job->item_count);
    }
    for (size_t i = 0; i < job->item_count; i++) {
        rsi_piece piece = piece_of(job, job->items[i]);
        if (job->task_count == 0 || job->cost[job->task_count - 1] >= TASK_COST) {
            job->first_item[job->task_count++] = i;
        }
        job->cost[job->task_count - 1] += cost_of(&piece);
    }
    job->first_item[job->task_count] = job->item_count;
    return RS_OK;
}

/* What workers are given by message, or never need: without it they are small. */
static size_t hide_layout(const rsi_layout *layout, rsi_span *span)
{
    size_t vertices = layout->first_vertex[layout->piece_count];
    size_t links = layout->first_link[layout->piece_count];
    span[0] = (rsi_span){layout->vertices, vertices * sizeof *layout->vertices};
    span[1] = (rsi_span){layout->mass, vertices * sizeof *layout->mass};
    span[2] = (rsi_span){layout->start, layout->start == NULL ? 0 : vertices * 4};
    span[3] = (rsi_span){layout->a, links * sizeof *layout->a};
    span[4] = (rsi_span){layout->b, links * sizeof *layout->b};
    span[5] = (rsi_span){layout->weight, links * sizeof *layout->weight};
    return 6;
}

static size_t hide_cut(const struct cut *cut, rsi_span *span)
{
    const rsi_split *split = &cut->split;
    const rsi_arcs *bottom = &split->levels[0].arcs;
    span[0] = (rsi_span){bottom->list, bottom->first[bottom->vertex_count] * sizeof *bottom->list};
    span[1] = (rsi_span){split->start, split->part_count * sizeof *split->start};
    span[2] = (rsi_span){cut->community, split->part_count * sizeof *cut->community};
    return 3 + hide_layout(&split->parts, span + 3);
}

static size_t hide_all(const struct job *job, rsi_span *span)
{
    const rs_link_graph *graph = job->graph;
    size_t links = graph->link_count * sizeof(uint32_t);
    span[0] = (rsi_span){graph->a, links};
    span[1] = (rsi_span){graph->b, links};
    span[2] = (rsi_span){graph->weight, links};
    span[3] = (rsi_span){graph->is_member, graph->node_count};
    span[4] = (rsi_span){job->community, graph->node_count * sizeof *job->community};
    size_t count = 5 + hide_layout(&job->components, span + 5);
    for (size_t i = 0; i < job->cut_count; i++) {
        count += hide_cut(&job->cuts[i], span + count);
    }
    return count;
}

static rs_status run_tasks(struct job *job, const rs_work *work, rs_error *err)
{
    rsi_span *hidden = calloc(11 + 9 * job->cut_count, sizeof *hidden);
    if (hidden == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%zu pieces)", job->item_count);
    }
    rsi_fork_job fork_job = {
        .task_count = job->task_count,
        .cost = job->cost,
        .give = give,
        .run = run,
        .take = take,
        .context = job,
        .hidden = hidden,
        .hidden_count = hide_all(job, hidden),
        .stage = "communities",
        .unit = "links",
        .crew = job->workers,
    };
    rs_status status = rsi_fork_map(&fork_job, work, err);
    free(hidden);
    return status;
}

/* From communities of contracted vertices to communities of nodes, named by a node of the
 * community. */
static rs_status unfold(struct job *job, const struct cut *cut, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t n = cut->split.vertex_count;
    const uint32_t *nodes = job->components.vertices + job->components.first_vertex[cut->component];
    uint32_t *label = malloc(((size_t)n + 1) * sizeof *label);
    if (label == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%u nodes)", n);
    }
    RS_TRY(rsi_split_finish(&cut->split, job->options->resolution, cut->community, label, err));
    for (uint32_t v = 0; v < n; v++) {
        job->community[nodes[v]] = nodes[label[v]];
    }
done:
    free(label);
    return status;
}

static uint32_t count_communities(uint32_t node_count, const uint32_t *label, uint32_t *size)
{
    uint32_t count = 0;
    memset(size, 0, node_count * sizeof *size);
    for (uint32_t v = 0; v < node_count; v++) {
        count += ++size[label[v]] == 2;
    }
    return count;
}

static void job_free(struct job *job)
{
    for (size_t i = 0; i < job->cut_count; i++) {
        rsi_split_free(&job->cuts[i].split);
        free(job->cuts[i].community);
    }
    free(job->cuts);
    free(job->items);
    free(job->first_item);
    free(job->cost);
    free(job->community);
    rsi_layout_free(&job->components);
}

static rs_status detect(const rs_link_graph *graph, const rs_detect_options *options,
                        rsi_fork_crew *workers, const rs_work *work, uint32_t *label,
                        rs_detect_counts *counts, rs_error *err)
{
    rs_status status = RS_OK;
    struct job job = {.brief = {options}, .graph = graph, .options = options, .workers = workers};
    rsi_source source = rsi_source_of(graph);
    job.community = malloc(((size_t)graph->node_count + 1) * sizeof *job.community);
    if (job.community == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%u nodes)", graph->node_count);
        goto done;
    }
    rs_components(graph, job.community);
    RS_TRY(rsi_layout_make(&job.components, &source, job.community, err));
    RS_TRY(sort_components(&job, work, err));
    for (uint32_t i = 0; i < job.cut_count; i++) {
        RS_TRY(make_cut(&job, i, work, err));
    }
    RS_TRY(make_tasks(&job, err));
    RS_TRY(run_tasks(&job, work, err));
    for (size_t i = 0; i < job.cut_count; i++) {
        RS_TRY(unfold(&job, &job.cuts[i], err));
    }
    /* A community is connected: what the cuts left in several parts is several. */
    rsi_components_within(graph, job.community, label);
    job.counts.community_count = count_communities(graph->node_count, label, job.community);
    *counts = job.counts;
done:
    job_free(&job);
    return status;
}

rs_status rs_detect(const rs_link_graph *graph, const rs_detect_options *options,
                    const rs_work *work, uint32_t *label, rs_detect_counts *counts, rs_error *err)
{
    return detect(graph, options, NULL, work, label, counts, err);
}

rs_status rs_detect_crew_start(rs_detect_crew **out, const rs_detect_options *options,
                               const rs_work *work, rs_error *err)
{
    rs_detect_crew *crew = calloc(1, sizeof *crew);
    if (crew == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (worker processes)");
    }
    crew->options = *options;
    crew->brief.options = &crew->options;
    rs_status status = rsi_fork_crew_start(&crew->workers, run, &crew->brief, work, err);
    if (status != RS_OK) {
        free(crew);
        return status;
    }
    *out = crew;
    return RS_OK;
}

void rs_detect_crew_end(rs_detect_crew *crew)
{
    if (crew != NULL) {
        rsi_fork_crew_end(crew->workers);
        free(crew);
    }
}

rs_status rs_detect_by(rs_detect_crew *crew, const rs_link_graph *graph, const rs_work *work,
                       uint32_t *label, rs_detect_counts *counts, rs_error *err)
{
    return detect(graph, &crew->options, crew->workers, work, label, counts, err);
}
