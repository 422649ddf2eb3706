/* test_store_invariants.c - each invariant of docs/FORMAT.md broken by itself: all checksums above
 * the damage are made anew, so that nothing but the invariant itself can speak, and it must.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "../unit/store/store_world.h"

#include <fcntl.h>

#include "ringscope/maintain.h"
#include "ringscope/verify.h"
#include "store/store_internal.h"

enum { ROWS = 400, IDS = 700, BLOCKS_MAX = 16 };

/* ---- a store, and one of its files taken apart ----------------------------------------------- */

static char path[256];

static void must(rs_status status, const rs_error *err)
{
    if (status != RS_OK) {
        fail_msg("%s", err->message);
    }
}

/* Three batches with rows, keys and values; `compacted`: merged, renumbered, with reverse files. */
static void make_store(bool compacted)
{
    static world_row rows[ROWS];
    rs_error err = {0};
    world_remove(path);
    for (int night = 0; night < 3; night++) {
        rsi_commit commit = {0};
        world_options options = WORLD_DEFAULTS;
        options.keep_rows = true;
        world_fill(rows, ROWS, 7 + (uint64_t)night, IDS);
        must(world_ingest(path, rows, ROWS, &options, &commit, &err), &err);
    }
    if (compacted) {
        rs_compact_options options = RS_COMPACT_DEFAULTS;
        rs_compact_result result;
        must(rs_compact(path, &options, NULL, &result, &err), &err);
    }
}

typedef struct box {
    int directory;
    rsi_manifest manifest;
    size_t file; /* in the manifest */
    size_t block_count;
    rsi_buffer blocks[BLOCKS_MAX];
    rsi_buffer notes[BLOCKS_MAX];
    rsi_buffer meta;
} box;

static void add(rsi_buffer *buffer, const void *bytes, size_t length)
{
    buffer->length = 0;
    assert_int_equal(rsi_buffer_add(buffer, bytes, length, NULL), RS_OK);
}

static void open_manifest(box *it)
{
    rs_error err = {0};
    *it = (box){.directory = open(path, O_RDONLY | O_DIRECTORY), .manifest = RSI_MANIFEST_EMPTY};
    assert_true(it->directory >= 0);
    must(rsi_manifest_read(&it->manifest, it->directory, &err), &err);
}

static void close_manifest(box *it)
{
    bool published = false;
    rs_error err = {0};
    must(rsi_manifest_write(&it->manifest, it->directory, &published, &err), &err);
    rsi_manifest_free(&it->manifest);
    for (size_t i = 0; i < BLOCKS_MAX; i++) {
        rsi_buffer_free(&it->blocks[i]);
        rsi_buffer_free(&it->notes[i]);
    }
    rsi_buffer_free(&it->meta);
    close(it->directory);
}

/* Take a file of the manifest apart. */
static void open_file(box *it, size_t number)
{
    rs_error err = {0};
    rsi_blockfile file;
    open_manifest(it);
    it->file = number;
    must(rsi_blockfile_open(&file, it->directory, &it->manifest.files[number].ref, &err), &err);
    assert_in_range(file.block_count, 1, BLOCKS_MAX);
    it->block_count = file.block_count;
    add(&it->meta, file.meta, file.meta_length);
    for (size_t b = 0; b < file.block_count; b++) {
        must(rsi_blockfile_read(&file, b, &it->blocks[b], &err), &err);
        add(&it->notes[b], file.blocks[b].note, file.blocks[b].note_length);
    }
    rsi_blockfile_close(&file);
}

/* The same of the largest file of a kind. */
static void open_box(box *it, rsi_file_kind kind)
{
    rsi_manifest manifest = RSI_MANIFEST_EMPTY;
    rs_error err = {0};
    int directory = open(path, O_RDONLY | O_DIRECTORY);
    size_t best = SIZE_MAX;
    must(rsi_manifest_read(&manifest, directory, &err), &err);
    for (size_t i = 0; i < manifest.file_count; i++) {
        const rsi_file_entry *file = &manifest.files[i];
        bool fits = file->ref.kind == kind;
        if (fits && kind == RSI_FILE_DICTIONARY) {
            fits = !manifest.types[file->object].hidden;
        }
        if (fits && (best == SIZE_MAX || file->ref.bytes > manifest.files[best].ref.bytes)) {
            best = i;
        }
    }
    assert_true(best != SIZE_MAX);
    close(directory);
    rsi_manifest_free(&manifest);
    open_file(it, best);
}

/* Put it together again, every checksum and digest anew. */
static void close_box(box *it)
{
    rs_error err = {0};
    rsi_blockwriter *writer = NULL;
    rsi_file_ref *ref = &it->manifest.files[it->file].ref;
    rsi_file_ref sealed = {0};
    assert_int_equal(unlinkat(it->directory, ref->name, 0), 0);
    must(rsi_blockwriter_open(&writer, it->directory, ref->name, ref->kind, ref->identity, &err),
         &err);
    for (size_t b = 0; b < it->block_count; b++) {
        must(rsi_blockwriter_add(writer, it->blocks[b].bytes, it->blocks[b].length,
                                 it->notes[b].bytes, it->notes[b].length, &err),
             &err);
    }
    must(rsi_blockwriter_finish(writer, it->meta.bytes, it->meta.length, &sealed, &err), &err);
    must(rsi_blockwriter_sync(writer, &err), &err);
    rsi_blockwriter_close(writer);
    *ref = sealed;
    close_manifest(it);
}

/* Change one byte of a file as it stands. */
static void flip(const char *name, off_t at)
{
    char file[700];
    uint8_t byte = 0;
    snprintf(file, sizeof file, "%s/%s", path, name);
    int descriptor = open(file, O_RDWR);
    assert_true(descriptor >= 0);
    assert_int_equal(pread(descriptor, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(descriptor, &byte, 1, at), 1);
    close(descriptor);
}

/* ---- the damage ------------------------------------------------------------------------------ */

static void break_manifest(void)
{
    flip(RSI_MANIFEST_NAME, 30);
}

static void lose_a_file(void)
{
    box it;
    open_box(&it, RSI_FILE_ATTRIBUTE);
    assert_int_equal(unlinkat(it.directory, it.manifest.files[it.file].ref.name, 0), 0);
    close_manifest(&it);
}

static void break_a_header(void)
{
    box it;
    open_box(&it, RSI_FILE_SEGMENT);
    flip(it.manifest.files[it.file].ref.name, 17);
    close_manifest(&it);
}

static void promise_another_digest(void)
{
    box it;
    open_box(&it, RSI_FILE_DICTIONARY);
    it.manifest.files[it.file].ref.digest.low ^= 1;
    close_manifest(&it);
}

static void break_a_block(void)
{
    static uint8_t bytes[1 << 20];
    char name[700];
    box it;
    open_box(&it, RSI_FILE_SEGMENT);
    rsi_file_ref *ref = &it.manifest.files[it.file].ref;
    flip(ref->name, 40);
    snprintf(name, sizeof name, "%s/%s", path, ref->name);
    FILE *file = fopen(name, "rb");
    size_t length = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    ref->digest = rsi_hash_128(bytes, length, 0);
    close_manifest(&it);
}

static void pack_nonsense(void)
{
    box it;
    open_box(&it, RSI_FILE_ATTRIBUTE);
    add(&it.blocks[0], "no such block", 13);
    close_box(&it);
}

static void leave_a_gap_in_numbers(void)
{
    box it;
    open_box(&it, RSI_FILE_DICTIONARY);
    rsi_store_u32le(it.meta.bytes, rsi_load_u32le(it.meta.bytes) + 1);
    const rsi_file_entry *entry = &it.manifest.files[it.file];
    it.manifest.types[entry->object].node_count++; /* so that the part has room */
    close_box(&it);
}

/* An id of an earlier part of the type that fits between two neighbours of `block`. */
static size_t find_place(const rs_store *store, size_t type, uint32_t below,
                         const rsi_dict_block *block, char id[32], size_t *length)
{
    rs_error err = {0};
    rs_names *names = NULL;
    uint32_t node = 0;
    rs_text other = {0};
    size_t place = 0;
    must(rs_names_open(&names, store, type, &err), &err);
    while (place == 0) {
        must(rs_names_next(names, &node, &other, &err), &err);
        assert_true(node != RS_NO_NODE);
        for (size_t i = 1; node < below && i + 1 < block->count && place == 0; i++) {
            bool fits = rsi_text_compare(block->ids[i - 1], other) < 0 &&
                        rsi_text_compare(other, block->ids[i + 1]) < 0;
            place = fits ? i : 0;
        }
    }
    assert_in_range(other.length, 1, 31);
    memcpy(id, other.bytes, other.length);
    *length = other.length;
    rs_names_close(names);
    return place;
}

/* An id that an earlier part of its type holds, too. */
static void repeat_an_id(void)
{
    box it;
    char id[32];
    size_t length = 0;
    rs_error err = {0};
    rs_store *store = NULL;
    rsi_dict_block *block = NULL;
    rsi_zblock *zblock = NULL;
    rsi_buffer scratch = {0};
    rsi_buffer packed = {0};
    rsi_buffer note = {0};
    must(rs_store_open(&store, path, &err), &err);
    size_t type = rs_store_type_named(store, "account");
    size_t first = rsi_store_next_file(store, RSI_FILE_DICTIONARY, type, 0);
    size_t second = rsi_store_next_file(store, RSI_FILE_DICTIONARY, type, first + 1);
    assert_true(second < store->opened);
    must(rsi_dict_block_new(&block, &err), &err);
    must(rsi_zblock_new(&zblock, &err), &err);
    must(rsi_dict_load(block, &store->parts[second], 0, &err), &err);
    size_t place = find_place(store, type, store->parts[second].first, block, id, &length);
    block->ids[place] = (rs_text){.bytes = id, .length = length};
    must(rsi_dict_encode(zblock, block->ids, block->count, &scratch, &packed, &note, &err), &err);
    open_file(&it, second);
    add(&it.blocks[0], packed.bytes, packed.length);
    add(&it.notes[0], note.bytes, note.length);
    close_box(&it);
    rsi_buffer_free(&scratch);
    rsi_buffer_free(&packed);
    rsi_buffer_free(&note);
    rsi_zblock_free(zblock);
    rsi_dict_block_free(block);
    rs_store_close(store);
}

/* Unpack the last block of a segment or reverse file, let `change` change an edge, pack it. */
static void change_edges(rsi_file_kind kind, bool (*change)(const box *, uint32_t *dst, size_t i,
                                                            const rsi_edge_columns *edges))
{
    static uint32_t dst[RSI_BLOCK_EDGES_MAX];
    box it;
    rs_error err = {0};
    rsi_segment_coder *coder = NULL;
    rsi_segment_coder *packer = NULL;
    rsi_edge_columns edges;
    rsi_buffer packed = {0};
    uint8_t note[RSI_SEGMENT_NOTE_BYTES];
    open_box(&it, kind);
    size_t last = it.block_count - 1;
    rsi_segment_note old = rsi_segment_note_load(it.notes[last].bytes);
    must(rsi_segment_coder_new(&coder, &err), &err);
    must(rsi_segment_coder_new(&packer, &err), &err);
    must(rsi_segment_decode(coder, it.blocks[last].bytes, it.blocks[last].length, &old,
                            RS_SCAN_TIME | RS_SCAN_AMOUNT, &edges, &err),
         &err);
    memcpy(dst, edges.dst, edges.count * sizeof *dst);
    size_t i = edges.count;
    while (i > 0 && !change(&it, dst, i - 1, &edges)) {
        i--;
    }
    assert_true(i > 0);
    edges.dst = dst;
    must(rsi_segment_encode(packer, &edges, &packed, note, &err), &err);
    add(&it.blocks[last], packed.bytes, packed.length);
    add(&it.notes[last], note, sizeof note);
    close_box(&it);
    rsi_buffer_free(&packed);
    rsi_segment_coder_free(coder);
    rsi_segment_coder_free(packer);
}

static bool name_a_stranger(const box *it, uint32_t *dst, size_t i, const rsi_edge_columns *edges)
{
    const rsi_manifest *manifest = &it->manifest;
    const rsi_relation_entry *entry = &manifest->relations[manifest->files[it->file].object];
    assert_int_equal(i, edges->count - 1);
    dst[i] = manifest->types[entry->dst_type].node_count;
    return true;
}

static void name_a_node_that_is_none(void)
{
    change_edges(RSI_FILE_SEGMENT, name_a_stranger);
}

static void promise_another_time(void)
{
    box it;
    open_manifest(&it);
    it.manifest.relations[0].time_max--;
    close_manifest(&it);
}

static void promise_another_value(void)
{
    box it;
    open_manifest(&it);
    it.manifest.attributes[0].value_count++;
    close_manifest(&it);
}

static void name_an_unknown_source(void)
{
    static uint64_t files[RSI_INTS_MAX];
    static uint64_t lines[RSI_INTS_MAX];
    box it;
    rs_error err = {0};
    rsi_rows_coder *coder = NULL;
    rsi_buffer packed = {0};
    open_box(&it, RSI_FILE_ROWS);
    size_t count = rsi_load_u32le(it.notes[0].bytes);
    for (size_t i = 0; i < count; i++) {
        files[i] = i == 0 ? 99 : 0;
        lines[i] = i + 1;
    }
    must(rsi_rows_coder_new(&coder, &err), &err);
    must(rsi_rows_encode(coder, files, lines, count, &packed, &err), &err);
    add(&it.blocks[0], packed.bytes, packed.length);
    close_box(&it);
    rsi_buffer_free(&packed);
    rsi_rows_coder_free(coder);
}

static void name_a_home_that_is_none(void)
{
    box it;
    open_manifest(&it);
    assert_int_equal(it.manifest.batches[0].merged, 3);
    assert_int_equal(it.manifest.batches[1].merged, 3);
    it.manifest.batches[0].merged = 2;
    close_manifest(&it);
}

static void misplace_a_number(void)
{
    box it;
    open_box(&it, RSI_FILE_DICTIONARY);
    assert_int_equal(it.meta.length, RSI_DICT_META_PERMUTED);
    it.blocks[it.block_count - 1].bytes[0] ^= 1; /* of the blocks that tell where numbers are */
    close_box(&it);
}

static bool take_the_next(const box *it, uint32_t *dst, size_t i, const rsi_edge_columns *edges)
{
    const rsi_manifest *manifest = &it->manifest;
    const rsi_relation_entry *entry = &manifest->relations[manifest->files[it->file].object];
    bool last = i + 1 == edges->count || edges->src[i + 1] != edges->src[i];
    if (dst[i] + 1 >= manifest->types[entry->src_type].node_count ||
        (!last && edges->dst[i + 1] == dst[i] + 1)) {
        return false;
    }
    dst[i]++;
    return true;
}

static void name_another_source(void)
{
    change_edges(RSI_FILE_REVERSE, take_the_next);
}

/* ---- the table ------------------------------------------------------------------------------- */

static const struct {
    const char *id;
    bool compacted;
    bool deep; /* only a deep look finds it */
    void (*damage)(void);
} rows[] = {
    {"S-01", false, false, break_manifest},
    {"S-02", false, false, lose_a_file},
    {"S-03", false, false, break_a_header},
    {"S-04", false, false, promise_another_digest},
    {"S-05", false, true, break_a_block},
    {"S-06", false, true, pack_nonsense},
    {"S-07", false, false, leave_a_gap_in_numbers},
    {"S-08", false, true, repeat_an_id},
    {"S-09", false, true, name_a_node_that_is_none},
    {"S-10", false, true, promise_another_time},
    {"S-11", false, true, promise_another_value},
    {"S-12", false, true, name_an_unknown_source},
    {"S-13", true, false, name_a_home_that_is_none},
    {"S-14", true, true, misplace_a_number},
    {"S-15", true, true, name_another_source},
};

static void expect(bool deep, const char *id)
{
    rs_error err = {0};
    rs_violations list = {0};
    must(rs_store_check(path, deep, NULL, &list, &err), &err);
    for (size_t i = 0; i < list.kept_count; i++) {
        if (strcmp(list.kept[i].id, id) != 0) {
            fail_msg("%s: %s: \"%s\": %s", id, list.kept[i].id, list.kept[i].file,
                     list.kept[i].text);
        }
        assert_true(list.kept[i].file[0] != '\0' && list.kept[i].text[0] != '\0');
    }
    assert_int_equal(list.count, id[0] != '\0');
    rs_violations_free(&list);
}

static void breaks_one_invariant_at_a_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        make_store(rows[i].compacted);
        expect(false, "");
        expect(true, "");
        rows[i].damage();
        expect(true, rows[i].id);
        expect(false, rows[i].deep ? "" : rows[i].id);
    }
}

/* Those of runs are broken in tests/unit/report/test_runs.c, those of lists in
 * tests/system/test_verdicts.py. */
static void breaks_every_invariant_of_the_store(void **state)
{
    (void)state;
    size_t count = 0;
    for (size_t i = 0; i < rs_invariant_count(); i++) {
        rs_invariant one = rs_invariant_at(i);
        bool found = one.id[0] == 'R' || one.id[0] == 'L';
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
            found |= strcmp(rows[k].id, one.id) == 0;
        }
        assert_true(found && strlen(one.text) > 20);
        count += one.id[0] == 'S';
    }
    assert_int_equal(count, sizeof rows / sizeof *rows);
}

static void lists_each_of_several(void **state)
{
    (void)state;
    rs_error err = {0};
    rs_violations list = {0};
    make_store(false);
    promise_another_time();
    promise_another_value();
    name_an_unknown_source();
    must(rs_store_check(path, true, NULL, &list, &err), &err);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.kept[0].id, "S-10");
    assert_string_equal(list.kept[1].id, "S-11");
    assert_string_equal(list.kept[2].id, "S-12");
    rs_violations_free(&list);
}

static int name_store(void **state)
{
    (void)state;
    world_path(path, "invariants");
    return 0;
}

static int remove_store(void **state)
{
    (void)state;
    world_remove(path);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(breaks_one_invariant_at_a_time),
        cmocka_unit_test(breaks_every_invariant_of_the_store),
        cmocka_unit_test(lists_each_of_several),
    };
    return cmocka_run_group_tests(tests, name_store, remove_store);
}
