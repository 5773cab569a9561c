/*
 * A file system for WiredTiger that knows what a power loss would leave of each file.
 *
 * The files lie in the store's real directory, where the server sees them at once. Beside them, this keeps for each file what the disk was
 * asked to keep (the content at its last sync), and the writes and truncations since; and for the directory what it was asked to keep,
 * and the creations, removals and renames since. An image is what a power loss would leave, written to another directory: all that was
 * synced, and of the rest nothing, the first part in the order of the calls, or a random part of it, in sectors of 512 bytes.
 *
 * WiredTiger loads it with `extensions=(PATH=(early_load=true))`; the test loads the same file with ctypes and calls the functions whose
 * names begin with power_. One store at a time.
 *
 * Threads: `lock` guards everything.
 */
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wiredtiger.h"

#define SECTOR 512
#define NAME_SIZE 64
#define MOST_FILES 4096
#define MOST_IMAGES 256
#define CLIENTS 64

enum { DROP, PREFIX, SECTORS, MODES };

/* One call since the last sync: a write, or a truncation if `data` is NULL. */
typedef struct change {
    struct change *next;
    uint64_t number;
    off_t offset;
    size_t size;
    uint8_t *data;
} Change;

typedef struct {
    uint8_t *synced;
    size_t size;
    Change *first, **last;
} File;

typedef struct {
    char name[NAME_SIZE];
    File *file;
} Entry;

typedef struct {
    Entry *entries;
    size_t count;
} Directory;

/* A creation (`from` is empty), a removal (`to` is empty) or a rename since the last sync of the directory. */
typedef struct {
    uint64_t number;
    char from[NAME_SIZE], to[NAME_SIZE];
    File *file;
} Move;

typedef struct {
    WT_FILE_HANDLE handle;
    int descriptor;
    File *file; /* NULL for the directory */
} Handle;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char home[4096];
static Directory now, synced;
static File *files[MOST_FILES];
static size_t file_count, move_count;
static Move moves[MOST_FILES];
static uint64_t calls, choice;

static int64_t image_at[MOST_IMAGES];
static char image_home[4096];
static int image_count, images_made, image_failed;

/* What each client has asked for, and what it was acknowledged; the client counts. */
int64_t power_asked[CLIENTS], power_acknowledged[CLIENTS];
/* The same at each image, how it was made, and how many calls were not synced. */
int64_t power_image_asked[MOST_IMAGES][CLIENTS], power_image_acknowledged[MOST_IMAGES][CLIENTS];
int64_t power_image_mode[MOST_IMAGES], power_image_unsynced[MOST_IMAGES], power_image_kept[MOST_IMAGES];

static uint64_t
chance(uint64_t below)
{
    choice ^= choice << 13;
    choice ^= choice >> 7;
    choice ^= choice << 17;
    return (choice >> 11) % below;
}

static const char *
base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static Entry *
find(Directory *directory, const char *name)
{
    for (size_t i = 0; i < directory->count; i++)
        if (strcmp(directory->entries[i].name, name) == 0)
            return &directory->entries[i];
    return NULL;
}

static void
put(Directory *directory, const char *name, File *file)
{
    Entry *entry = find(directory, name);
    if (entry == NULL) {
        directory->entries = realloc(directory->entries, (directory->count + 1) * sizeof(Entry));
        entry = &directory->entries[directory->count++];
        snprintf(entry->name, NAME_SIZE, "%s", name);
    }
    entry->file = file;
}

static void
drop(Directory *directory, const char *name, const File *file)
{
    Entry *entry = find(directory, name);
    if (entry != NULL && entry->file == file)
        *entry = directory->entries[--directory->count];
}

static void
copy(Directory *to, const Directory *from)
{
    to->count = from->count;
    to->entries = realloc(to->entries, (from->count + 1) * sizeof(Entry));
    memcpy(to->entries, from->entries, from->count * sizeof(Entry));
}

static void
resize(uint8_t **content, size_t *size, size_t wanted)
{
    *content = realloc(*content, wanted + 1);
    if (wanted > *size)
        memset(*content + *size, 0, wanted - *size);
    *size = wanted;
}

static void
write_into(uint8_t **content, size_t *size, const uint8_t *data, size_t offset, size_t length)
{
    if (offset + length > *size)
        resize(content, size, offset + length);
    memcpy(*content + offset, data, length);
}

static void
apply(uint8_t **content, size_t *size, const Change *change)
{
    if (change->data == NULL)
        resize(content, size, change->size);
    else
        write_into(content, size, change->data, (size_t)change->offset, change->size);
}

static File *
new_file(void)
{
    File *file = calloc(1, sizeof(File));
    if (file_count == MOST_FILES)
        abort();
    file->last = &file->first;
    files[file_count++] = file;
    return file;
}

static void
forget_changes(File *file)
{
    for (Change *change = file->first, *next; change != NULL; change = next) {
        next = change->next;
        free(change->data);
        free(change);
    }
    file->first = NULL;
    file->last = &file->first;
}

static void
sync_file(File *file)
{
    for (Change *change = file->first; change != NULL; change = change->next)
        apply(&file->synced, &file->size, change);
    forget_changes(file);
}

static void
sync_directory(void)
{
    copy(&synced, &now);
    move_count = 0;
}

static void
note_change(File *file, off_t offset, const void *data, size_t size)
{
    Change *change = calloc(1, sizeof(Change));
    change->number = calls;
    change->offset = offset;
    change->size = size;
    if (data != NULL) {
        change->data = malloc(size + 1);
        memcpy(change->data, data, size);
    }
    *file->last = change;
    file->last = &change->next;
}

static void
note_move(const char *from, const char *to, File *file)
{
    Move *move = &moves[move_count++];
    if (move_count == MOST_FILES)
        abort();
    move->number = calls;
    move->file = file;
    snprintf(move->from, NAME_SIZE, "%s", from);
    snprintf(move->to, NAME_SIZE, "%s", to);
}

static void
move_in(Directory *directory, const Move *move)
{
    if (move->from[0] != 0)
        drop(directory, move->from, move->file);
    if (move->to[0] != 0)
        put(directory, move->to, move->file);
}

/* How an image treats the calls that were not synced. */
typedef struct {
    int mode;
    uint64_t end;  /* PREFIX: the first call that is lost; of a write, `sectors` remain */
    size_t sectors;
    uint64_t keeps; /* SECTORS: of 100 */
} Loss;

/* Apply what an image keeps of one call; return whether it keeps anything. */
static bool
apply_part(uint8_t **content, size_t *size, const Change *change, const Loss *loss)
{
    size_t at, next, end;
    bool kept = false;
    if (loss->mode == PREFIX && change->number < loss->end) {
        apply(content, size, change);
        return true;
    }
    if (loss->mode == DROP || (loss->mode == PREFIX && change->number > loss->end))
        return false;
    if (change->data == NULL) {
        if (loss->mode != SECTORS || chance(100) >= loss->keeps)
            return false;
        apply(content, size, change);
        return true;
    }
    end = (size_t)change->offset + change->size;
    for (at = (size_t)change->offset; at < end; at = next) {
        next = (at / SECTOR + 1) * SECTOR;
        next = next < end ? next : end;
        if (loss->mode == PREFIX ? (at - (size_t)change->offset) / SECTOR < loss->sectors : chance(100) < loss->keeps) {
            write_into(content, size, change->data + (at - (size_t)change->offset), at, next - at);
            kept = true;
        }
    }
    return kept;
}

static int
write_file(const char *path, const uint8_t *content, size_t size)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    size_t done = 0;
    ssize_t n = 0;
    if (descriptor < 0)
        return -1;
    while (done < size && (n = write(descriptor, content + done, size - done)) > 0)
        done += (size_t)n;
    close(descriptor);
    return done == size ? 0 : -1;
}

/* Write what the image keeps of one file. */
static int
write_image_file(const char *target, const Entry *entry, const Loss *loss, int64_t *kept)
{
    char path[8300];
    uint8_t *content = malloc(entry->file->size + 1);
    size_t size = entry->file->size, whole = size;
    int failed;
    memcpy(content, entry->file->synced == NULL ? (const uint8_t *)"" : entry->file->synced, size);
    for (const Change *change = entry->file->first; change != NULL; change = change->next) {
        *kept += apply_part(&content, &size, change, loss);
        whole = change->data == NULL ? change->size :
          (size_t)change->offset + change->size > whole ? (size_t)change->offset + change->size : whole;
    }
    /* The new size of a file may reach the disk before its data. */
    if (loss->mode == SECTORS && whole > size && chance(4) == 0)
        resize(&content, &size, whole);
    snprintf(path, sizeof(path), "%s/%s", target, entry->name);
    failed = write_file(path, content, size);
    free(content);
    return failed;
}

static uint64_t
unsynced(void)
{
    uint64_t count = move_count;
    for (size_t i = 0; i < file_count; i++)
        for (const Change *change = files[i]->first; change != NULL; change = change->next)
            count++;
    return count;
}

/* Choose the call before which everything is kept. */
static uint64_t
choose_end(uint64_t count)
{
    uint64_t left = chance(count + 1), end = calls + 1, number;
    /* The numbers of the calls that were not synced are not consecutive: take the left-th smallest. */
    for (uint64_t before = 0;; before = end) {
        end = calls + 1;
        for (size_t i = 0; i < move_count; i++)
            if ((number = moves[i].number) > before && number < end)
                end = number;
        for (size_t i = 0; i < file_count; i++)
            for (const Change *change = files[i]->first; change != NULL; change = change->next)
                if ((number = change->number) > before && number < end)
                    end = number;
        if (left-- == 0 || end > calls)
            return end;
    }
}

/* Copy the marks of the log, which the server writes through a mapping. */
static void
copy_marks(const char *target)
{
    char path[8300];
    uint8_t content[4096];
    snprintf(path, sizeof(path), "%s/SecantusLog.marks", home);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = descriptor < 0 ? -1 : read(descriptor, content, sizeof(content));
    if (descriptor >= 0)
        close(descriptor);
    snprintf(path, sizeof(path), "%s/SecantusLog.marks", target);
    if (size >= 0)
        image_failed |= write_file(path, content, (size_t)size);
}

static void
make_image(int image)
{
    char target[8192];
    Directory kept = {NULL, 0};
    Loss loss = {(int)chance(MODES), 0, chance(16), 10 + chance(85)};
    uint64_t count = unsynced();
    if (loss.mode == PREFIX)
        loss.end = choose_end(count);
    power_image_mode[image] = loss.mode;
    power_image_unsynced[image] = (int64_t)count;
    power_image_kept[image] = 0;
    snprintf(target, sizeof(target), "%s/%d", image_home, image);
    image_failed |= mkdir(target, 0755);
    copy_marks(target);
    copy(&kept, &synced);
    for (size_t i = 0; i < move_count; i++)
        if (loss.mode == SECTORS ? chance(100) < loss.keeps : loss.mode == PREFIX && moves[i].number < loss.end) {
            move_in(&kept, &moves[i]);
            power_image_kept[image]++;
        }
    for (size_t i = 0; i < kept.count; i++)
        image_failed |= write_image_file(target, &kept.entries[i], &loss, &power_image_kept[image]);
    free(kept.entries);
    memcpy(power_image_asked[image], power_asked, sizeof(power_asked));
    memcpy(power_image_acknowledged[image], power_acknowledged, sizeof(power_acknowledged));
}

/* Make the images that are due. The caller holds the lock. */
static void
make_images(void)
{
    while (images_made < image_count && (uint64_t)image_at[images_made] <= calls) {
        make_image(images_made);
        __atomic_store_n(&images_made, images_made + 1, __ATOMIC_RELEASE);
    }
}

static int
fs_list(WT_FILE_SYSTEM *fs, WT_SESSION *session, const char *directory, const char *prefix, char ***names, uint32_t *count)
{
    DIR *stream = opendir(directory);
    struct dirent *one;
    (void)fs, (void)session;
    *names = NULL;
    *count = 0;
    if (stream == NULL)
        return errno;
    while ((one = readdir(stream)) != NULL) {
        if (one->d_name[0] == '.' || (prefix != NULL && strncmp(one->d_name, prefix, strlen(prefix)) != 0))
            continue;
        *names = realloc(*names, (*count + 1) * sizeof(char *));
        (*names)[(*count)++] = strdup(one->d_name);
    }
    closedir(stream);
    return 0;
}

static int
fs_list_single(WT_FILE_SYSTEM *fs, WT_SESSION *session, const char *directory, const char *prefix, char ***names, uint32_t *count)
{
    int code = fs_list(fs, session, directory, prefix, names, count);
    while (*count > 1)
        free((*names)[--*count]);
    return code;
}

static int
fs_list_free(WT_FILE_SYSTEM *fs, WT_SESSION *session, char **names, uint32_t count)
{
    (void)fs, (void)session;
    while (count > 0)
        free(names[--count]);
    free(names);
    return 0;
}

static int
fs_exist(WT_FILE_SYSTEM *fs, WT_SESSION *session, const char *name, bool *exists)
{
    (void)fs, (void)session;
    *exists = access(name, F_OK) == 0;
    return 0;
}

static int
fs_size(WT_FILE_SYSTEM *fs, WT_SESSION *session, const char *name, wt_off_t *size)
{
    struct stat status;
    (void)fs, (void)session;
    if (stat(name, &status) != 0)
        return errno;
    *size = status.st_size;
    return 0;
}

static int
fs_remove(WT_FILE_SYSTEM *fs, WT_SESSION *session, const char *name, uint32_t flags)
{
    Entry *entry;
    int code = 0;
    (void)fs, (void)session;
    pthread_mutex_lock(&lock);
    calls++;
    if (unlink(name) != 0)
        code = errno;
    else if ((entry = find(&now, base(name))) != NULL) {
        note_move(base(name), "", entry->file);
        drop(&now, base(name), entry->file);
    }
    make_images();
    if (code == 0 && flags & WT_FS_DURABLE)
        sync_directory();
    pthread_mutex_unlock(&lock);
    return code;
}

static int
fs_rename(WT_FILE_SYSTEM *fs, WT_SESSION *session, const char *from, const char *to, uint32_t flags)
{
    Entry *entry;
    File *file;
    int code = 0;
    (void)fs, (void)session;
    pthread_mutex_lock(&lock);
    calls++;
    if (rename(from, to) != 0)
        code = errno;
    else if ((entry = find(&now, base(from))) != NULL) {
        file = entry->file;
        note_move(base(from), base(to), file);
        drop(&now, base(from), file);
        put(&now, base(to), file);
    }
    make_images();
    if (code == 0 && flags & WT_FS_DURABLE)
        sync_directory();
    pthread_mutex_unlock(&lock);
    return code;
}

static int
fh_close(WT_FILE_HANDLE *handle, WT_SESSION *session)
{
    (void)session;
    close(((Handle *)handle)->descriptor);
    free(handle->name);
    free(handle);
    return 0;
}

static int
fh_lock(WT_FILE_HANDLE *handle, WT_SESSION *session, bool locks)
{
    (void)handle, (void)session, (void)locks;
    return 0;
}

static int
fh_read(WT_FILE_HANDLE *handle, WT_SESSION *session, wt_off_t offset, size_t size, void *into)
{
    ssize_t n;
    (void)session;
    for (uint8_t *at = into; size > 0; at += n, offset += n, size -= (size_t)n)
        if ((n = pread(((Handle *)handle)->descriptor, at, size, offset)) <= 0)
            return n == 0 ? WT_ERROR : errno;
    return 0;
}

static int
fh_size(WT_FILE_HANDLE *handle, WT_SESSION *session, wt_off_t *size)
{
    struct stat status;
    (void)session;
    if (fstat(((Handle *)handle)->descriptor, &status) != 0)
        return errno;
    *size = status.st_size;
    return 0;
}

static int
fh_sync(WT_FILE_HANDLE *handle, WT_SESSION *session)
{
    (void)session;
    pthread_mutex_lock(&lock);
    calls++;
    make_images();
    if (((Handle *)handle)->file != NULL)
        sync_file(((Handle *)handle)->file);
    else
        sync_directory();
    pthread_mutex_unlock(&lock);
    return 0;
}

static int
fh_sync_nowait(WT_FILE_HANDLE *handle, WT_SESSION *session)
{
    (void)handle, (void)session;
    return 0;
}

static int
fh_truncate(WT_FILE_HANDLE *handle, WT_SESSION *session, wt_off_t size)
{
    int code = 0;
    (void)session;
    pthread_mutex_lock(&lock);
    calls++;
    if (ftruncate(((Handle *)handle)->descriptor, size) != 0)
        code = errno;
    else
        note_change(((Handle *)handle)->file, 0, NULL, (size_t)size);
    make_images();
    pthread_mutex_unlock(&lock);
    return code;
}

static int
fh_write(WT_FILE_HANDLE *handle, WT_SESSION *session, wt_off_t offset, size_t size, const void *data)
{
    int code = 0;
    (void)session;
    pthread_mutex_lock(&lock);
    calls++;
    if (pwrite(((Handle *)handle)->descriptor, data, size, offset) != (ssize_t)size)
        code = errno;
    else
        note_change(((Handle *)handle)->file, offset, data, size);
    make_images();
    pthread_mutex_unlock(&lock);
    return code;
}

/* Return the file of a name, which exists in the real directory; one that lay there before is synced. */
static File *
file_of(const char *name, int descriptor, bool is_new)
{
    Entry *entry = find(&now, name);
    File *file;
    struct stat status;
    if (entry != NULL)
        return entry->file;
    file = new_file();
    put(&now, name, file);
    if (is_new) {
        note_move("", name, file);
        return file;
    }
    put(&synced, name, file);
    if (fstat(descriptor, &status) == 0) {
        resize(&file->synced, &file->size, (size_t)status.st_size);
        if (pread(descriptor, file->synced, file->size, 0) != (ssize_t)file->size)
            abort();
    }
    return file;
}

static int
fs_open(WT_FILE_SYSTEM *fs, WT_SESSION *session, const char *name, WT_FS_OPEN_FILE_TYPE type, uint32_t flags, WT_FILE_HANDLE **opened)
{
    Handle *handle = calloc(1, sizeof(Handle));
    bool is_directory = type == WT_FS_OPEN_FILE_TYPE_DIRECTORY, exists;
    int code = 0, mode = is_directory || flags & WT_FS_OPEN_READONLY ? O_RDONLY : O_RDWR;
    (void)session;
    mode |= flags & WT_FS_OPEN_CREATE ? O_CREAT : 0;
    mode |= flags & WT_FS_OPEN_CREATE && flags & WT_FS_OPEN_EXCLUSIVE ? O_EXCL : 0;
    pthread_mutex_lock(&lock);
    exists = access(name, F_OK) == 0;
    handle->descriptor = open(name, mode | O_CLOEXEC, 0644);
    if (handle->descriptor < 0) {
        code = errno;
        free(handle);
    } else {
        calls++;
        if (!is_directory)
            handle->file = file_of(base(name), handle->descriptor, !exists);
        make_images();
        if (flags & WT_FS_OPEN_DURABLE)
            sync_directory();
    }
    pthread_mutex_unlock(&lock);
    if (code != 0)
        return code;
    handle->handle = (WT_FILE_HANDLE){.file_system = fs, .name = strdup(name), .close = fh_close, .fh_lock = fh_lock, .fh_read = fh_read,
      .fh_size = fh_size, .fh_sync = fh_sync, .fh_sync_nowait = fh_sync_nowait, .fh_truncate = fh_truncate, .fh_write = fh_write};
    *opened = &handle->handle;
    return 0;
}

/* Take the files that lie in the directory as synced, WiredTiger's and no other. */
static void
take_over(void)
{
    DIR *stream = opendir(home);
    struct dirent *one;
    char path[8300];
    if (stream == NULL)
        return;
    while ((one = readdir(stream)) != NULL) {
        if (one->d_name[0] == '.' || strncmp(one->d_name, "Secantus", 8) == 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", home, one->d_name);
        int descriptor = open(path, O_RDONLY | O_CLOEXEC);
        file_of(one->d_name, descriptor, false);
        close(descriptor);
    }
    closedir(stream);
}

/*
 * power_begin --
 *     Forget everything, and begin with the store in a directory; make images at these numbers of calls, in ascending order, below a
 *     directory, named 0, 1, 2 ...
 */
void
power_begin(const char *store, const char *images, const int64_t *at, int count, uint64_t seed)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < file_count; i++) {
        forget_changes(files[i]);
        free(files[i]->synced);
        free(files[i]);
    }
    file_count = move_count = now.count = synced.count = 0;
    calls = 0;
    choice = seed | 1;
    image_count = count < MOST_IMAGES ? count : MOST_IMAGES;
    images_made = image_failed = 0;
    memcpy(image_at, at, (size_t)image_count * sizeof(int64_t));
    memset(power_asked, 0, sizeof(power_asked));
    memset(power_acknowledged, 0, sizeof(power_acknowledged));
    snprintf(home, sizeof(home), "%s", store);
    snprintf(image_home, sizeof(image_home), "%s", images);
    take_over();
    pthread_mutex_unlock(&lock);
}

/* power_images -- The number of images made so far, or -1 if one could not be written. */
int
power_images(void)
{
    return image_failed ? -1 : __atomic_load_n(&images_made, __ATOMIC_ACQUIRE);
}

/* power_calls -- The number of calls so far that change something. */
int64_t
power_calls(void)
{
    return (int64_t)calls;
}

int
wiredtiger_extension_init(WT_CONNECTION *connection, WT_CONFIG_ARG *config)
{
    static WT_FILE_SYSTEM fs = {.fs_directory_list = fs_list, .fs_directory_list_single = fs_list_single,
      .fs_directory_list_free = fs_list_free, .fs_exist = fs_exist, .fs_open_file = fs_open, .fs_remove = fs_remove, .fs_rename = fs_rename,
      .fs_size = fs_size};
    (void)config;
    return connection->set_file_system(connection, &fs, NULL);
}
