/* What explains a run, as its readers see it behind checksums that fit: every text and every column
 * is the input's. No reader may step out of its page, and every failure says where it was.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "report/trace_open.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NODES = 300, SUBJECTS = 200, COLUMN = 64 };

/* A page of a section: columns of the input's bytes, then its text. */
static rs_status put(rsi_pages_writer *writer, uint32_t section, const uint8_t *data, size_t size,
                     rs_error *err)
{
    uint64_t values[COLUMN];
    size_t count = size < COLUMN ? size : COLUMN;
    rs_status status = rsi_pages_section(writer, section, err);
    for (size_t i = 0; i < count; i++) {
        values[i] = data[i] < 250 ? data[i] : UINT64_MAX >> (data[i] - 250) * 8;
    }
    for (int page = 0; page < 5 && status == RS_OK; page++) {
        for (int k = 0; k < 4 && status == RS_OK; k++) {
            status = rsi_page_column(writer, values, count - (count > 0 && k == page), err);
        }
        if (status == RS_OK) {
            status = rsi_page_text(writer, data, size, false, err);
        }
        if (status == RS_OK) {
            status = rsi_page_end(writer, (uint64_t)page * 40, err);
        }
    }
    return status;
}

static void must(rs_status status, const rs_error *err)
{
    if (status != RS_OK) {
        fprintf(stderr, "%s\n", err->message);
        abort();
    }
}

static rsi_pages *make(const char *folder, const char *name, const uint8_t *data, size_t size)
{
    static const uint32_t sections[] = {RSI_TRACE_ROWS,       RSI_TRACE_LINKS, RSI_TRACE_USERS,
                                        RSI_TRACE_ODD + 1000, RSI_TRACE_SIDES, RSI_TRACE_MEMBERS,
                                        RSI_TRACE_BLACK,      RSI_TRACE_NAMES, RSI_TRACE_LINES};
    rs_error err = {0};
    rsi_pages_writer *writer = NULL;
    rsi_pages *pages = NULL;
    rsi_file_ref ref;
    char path[128];
    int directory = open(folder, O_RDONLY | O_DIRECTORY);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
    must(rsi_pages_create(&writer, directory, name, 7, &err), &err);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        must(put(writer, sections[i], data, size, &err), &err);
    }
    must(rsi_pages_finish(writer, &ref, &err), &err);
    rsi_pages_close(writer);
    must(rsi_pages_open(&pages, path, ref.bytes, 7, &err), &err);
    close(directory);
    return pages;
}

/* A failure is the file's fault and has a message. */
static void seen(rs_status status, rs_error *err)
{
    if (status != RS_OK && (status != RS_ECORRUPT || err->message[0] == '\0')) {
        abort();
    }
    *err = (rs_error){0};
}

static void look(rsi_traced *traced)
{
    rs_error err = {0};
    rsi_view_row row;
    rsi_traced_link link;
    rsi_traced_uses uses;
    rsi_traced_finding finding;
    rs_odd_count odd[4];
    rs_text text;
    bool there;
    size_t count;
    uint64_t edges, peers;
    uint32_t found;
    for (uint32_t v = 0; v < NODES; v += 37) {
        seen(traced->view.row(traced, v, &row, &err), &err);
        seen(rsi_traced_link_of(traced, v, v + 1, &there, &link, &err), &err);
        seen(rsi_traced_uses_of(traced, 0, v, &uses, &err), &err);
        seen(rsi_traced_listed(traced, RSI_TRACE_BLACK, v, &there, &text, &err), &err);
        seen(rsi_traced_id(traced, v, &text, &err), &err);
        seen(rsi_traced_finding_of(traced, v, &finding, &err), &err);
        seen(rsi_traced_side(traced, 0, 0, v, &edges, &peers, &err), &err);
        seen(rsi_traced_odd(traced, v % SUBJECTS, odd, 4, &count, &err), &err);
    }
    seen(rsi_traced_find(traced, (rs_text){"t", 1}, (rs_text){"id", 2}, &found, &err), &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char folder[] = "/dev/shm/fuzz-trace-XXXXXX", path[64];
    rsi_traced_range ranges[1] = {
        {.nodes = {.type = "t", .count = NODES, .subject = true}, .lines = SUBJECTS}};
    rsi_traced_relation relations[1] = {{.label = "r", .name = "r"}};
    char columns[] = "\0x";
    if (size > 4096 || mkdtemp(folder) == NULL) {
        return 0;
    }
    rsi_traced traced = {.network = make(folder, "network.bin", data, size),
                         .counts = make(folder, "counts.bin", data, size),
                         .risks = memfd_create("risks", 0),
                         .identity = 7,
                         .node_count = NODES,
                         .subject_count = SUBJECTS,
                         .ranges = ranges,
                         .range_count = 1,
                         .relations = relations,
                         .relation_count = 1,
                         .column_names = columns,
                         .column_count = 1};
    rsi_traced_set_view(&traced);
    if (write(traced.risks, data, size) == (ssize_t)size) {
        look(&traced);
    }
    rsi_pages_done(traced.network);
    rsi_pages_done(traced.counts);
    free(traced.piece.bytes);
    close(traced.risks);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, i == 0 ? "network.bin" : "counts.bin");
        unlink(path);
    }
    rmdir(folder);
    return 0;
}
