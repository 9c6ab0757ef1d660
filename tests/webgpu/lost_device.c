/* A Vulkan driver for tests: passes every call to the driver in LOST_DEVICE_DRIVER, and
 * loses devices. LOST_DEVICE_SUBMITS has a number for each device, in the order of their
 * creation, such as 100,60,0: after so many submissions its queue fails with
 * VK_ERROR_DEVICE_LOST. Further devices are not lost. */

#include <dlfcn.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define VK_ERROR_DEVICE_LOST (-4)

typedef void (*Function)(void);
typedef Function (*GetAddress)(void *object, const char *name);
typedef int32_t (*CreateDevice)(void *gpu, const void *info, const void *allocator, void **device);
typedef int32_t (*Submit)(void *queue, uint32_t count, const void *batches, void *fence);
typedef int32_t (*Negotiate)(uint32_t *version);

static GetAddress device_address;
static CreateDevice create_device;
static Submit queue_submit;
static atomic_int devices, submits;

/* The submissions that the last device takes. */
static int budget(void) {
    const char *list = getenv("LOST_DEVICE_SUBMITS");
    for (int device = 1; list && device < devices; device++) {
        list = strchr(list, ',');
        list = list ? list + 1 : NULL;
    }
    return list ? atoi(list) : INT_MAX;
}

static Function of_driver(const char *name) {
    static void *driver;
    if (!driver)
        driver = dlopen(getenv("LOST_DEVICE_DRIVER"), RTLD_NOW);
    return driver ? (Function)dlsym(driver, name) : NULL;
}

static int32_t create(void *gpu, const void *info, const void *allocator, void **device) {
    devices++;
    submits = 0;
    return create_device(gpu, info, allocator, device);
}

static int32_t submit(void *queue, uint32_t count, const void *batches, void *fence) {
    if (++submits > budget())
        return VK_ERROR_DEVICE_LOST;
    return queue_submit(queue, count, batches, fence);
}

static Function get_device_address(void *device, const char *name) {
    Function real = device_address(device, name);
    if (strcmp(name, "vkQueueSubmit") != 0)
        return real;
    queue_submit = (Submit)real;
    return (Function)submit;
}

Function vk_icdGetInstanceProcAddr(void *instance, const char *name) {
    GetAddress get = (GetAddress)of_driver("vk_icdGetInstanceProcAddr");
    Function real = get ? get(instance, name) : NULL;
    if (strcmp(name, "vkGetDeviceProcAddr") == 0) {
        device_address = (GetAddress)real;
        return (Function)get_device_address;
    }
    if (strcmp(name, "vkCreateDevice") == 0) {
        create_device = (CreateDevice)real;
        return (Function)create;
    }
    return real;
}

Function vk_icdGetPhysicalDeviceProcAddr(void *instance, const char *name) {
    GetAddress get = (GetAddress)of_driver("vk_icdGetPhysicalDeviceProcAddr");
    return get ? get(instance, name) : NULL;
}

int32_t vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *version) {
    return ((Negotiate)of_driver("vk_icdNegotiateLoaderICDInterfaceVersion"))(version);
}
