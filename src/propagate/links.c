/* links.c - links that are written front to back and looked at row by row.
 *
 * Layout of the file: the ends of all links, u32 each, and from 4 * most on their weights.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "propagate/links.h"

#include <stdlib.h>
#include <string.h>

#include "base/try.h"

static rs_status no_memory(uint64_t links, rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (%llu links to spread over)",
                   (unsigned long long)links);
}

/* ---- writing -----------------------------------------------------------------------------------
 */

rs_status rsi_links_begin(rsi_links *links, uint64_t most, uint64_t memory_bytes, bool weighted,
                          const rs_work *work, rs_error *err)
{
    const char *folder = work == NULL ? NULL : work->folder;
    uint64_t fit = memory_bytes / (weighted ? 8 : 4);
    uint64_t room = fit < RSI_LINKS_BUFFER ? fit + 1 : RSI_LINKS_BUFFER;
    if (memory_bytes == 0 || fit >= most || folder == NULL) {
        room = most;
    }
    *links = (rsi_links){.room = (size_t)room,
                         .most = most,
                         .weighted = weighted,
                         .folder = folder,
                         .file = RSI_SPILL_NONE};
    links->to = malloc((links->room + 1) * sizeof *links->to);
    links->weight = weighted ? malloc((links->room + 1) * sizeof *links->weight) : NULL;
    if (links->to == NULL || (weighted && links->weight == NULL)) {
        return no_memory(links->room, err);
    }
    return RS_OK;
}

/* Append the buffer to the file. */
static rs_status flush(rsi_links *links, rs_error *err)
{
    rs_status status = RS_OK;
    if (links->written == 0) {
        RS_TRY(rsi_spill_open_in(&links->file, links->folder, err));
    }
    RS_TRY(rsi_spill_write(&links->file, 4 * links->written, links->to, 4 * links->count, err));
    if (links->weighted) {
        RS_TRY(rsi_spill_write(&links->file, 4 * (links->most + links->written), links->weight,
                               4 * links->count, err));
    }
    links->written += links->count;
    links->count = 0;
done:
    return status;
}

static rs_status grow(uint32_t **numbers, size_t room, rs_error *err)
{
    uint32_t *more = realloc(*numbers, room * sizeof *more);
    if (more == NULL) {
        return no_memory(room, err);
    }
    *numbers = more;
    return RS_OK;
}

rs_status rsi_links_reserve(rsi_links *links, size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    if (count <= links->room - links->count) {
        return RS_OK;
    }
    if (links->count > 0) {
        RS_TRY(flush(links, err));
    }
    if (count > links->room) { /* one row that is longer than the buffer */
        RS_TRY(grow(&links->to, count, err));
        if (links->weighted) {
            RS_TRY(grow(&links->weight, count, err));
        }
        links->room = count;
    }
done:
    return status;
}

rs_status rsi_links_append(rsi_links *links, const uint32_t *to, size_t count, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t done = 0, part; done < count; done += part) {
        part = count - done < links->room ? count - done : links->room;
        RS_TRY(rsi_links_reserve(links, part, err));
        memcpy(links->to + links->count, to + done, part * sizeof *to);
        links->count += part;
    }
done:
    return status;
}

rs_status rsi_links_end(rsi_links *links, rs_error *err)
{
    rs_status status = RS_OK;
    if (links->written > 0) {
        RS_TRY(flush(links, err));
        free(links->to);
        free(links->weight);
        links->to = links->weight = NULL;
    }
done:
    return status;
}

void rsi_links_free(rsi_links *links)
{
    free(links->to);
    free(links->weight);
    if (links->written > 0) {
        rsi_spill_close(&links->file);
    }
    *links = (rsi_links){.file = RSI_SPILL_NONE};
}

void rsi_links_show(const rsi_links *links, rs_adjacency *graph)
{
    bool in_file = links->written > 0;
    graph->to = in_file ? NULL : links->to;
    graph->weight = in_file ? NULL : links->weight;
    graph->file = in_file ? links : NULL;
}

/* ---- looking -----------------------------------------------------------------------------------
 */

rsi_window rsi_window_of(const rs_adjacency *graph)
{
    bool in_file = graph->file != NULL;
    return (rsi_window){.graph = graph,
                        .to = graph->to,
                        .weight = graph->weight,
                        .count = in_file ? 0 : graph->first[graph->node_count],
                        .end = in_file ? 0 : graph->node_count};
}

void rsi_window_free(rsi_window *window)
{
    free(window->buffer);
    window->buffer = NULL;
}

static rs_status make_room(rsi_window *window, size_t count, rs_error *err)
{
    if (count <= window->room) {
        return RS_OK;
    }
    free(window->buffer);
    window->room = 0;
    window->buffer = malloc(2 * count * sizeof *window->buffer);
    if (window->buffer == NULL) {
        return no_memory(count, err);
    }
    window->room = count;
    return RS_OK;
}

rs_status rsi_window_move(rsi_window *window, uint32_t begin, uint32_t end, uint32_t limit,
                          rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_links *links = window->graph->file;
    const uint64_t *first = window->graph->first;
    while (end < limit && first[end + 1] - first[begin] <= RSI_LINKS_BUFFER) {
        end++;
    }
    size_t count = (size_t)(first[end] - first[begin]);
    window->begin = window->end = 0; /* nothing, should reading fail */
    RS_TRY(make_room(window, count > RSI_LINKS_BUFFER ? count : RSI_LINKS_BUFFER, err));
    window->to = window->buffer;
    RS_TRY(rsi_spill_read(&links->file, 4 * first[begin], window->buffer, 4 * count, err));
    if (links->weighted) {
        window->weight = window->buffer + count;
        RS_TRY(rsi_spill_read(&links->file, 4 * (links->most + first[begin]),
                              window->buffer + count, 4 * count, err));
    }
    window->base = first[begin];
    window->count = count;
    window->begin = begin;
    window->end = end;
done:
    return status;
}
