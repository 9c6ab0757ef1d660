/* A Vulkan driver for tests: passes every call to the driver in LOST_DEVICE_DRIVER, and
 * loses devices. Of each of the first LOST_DEVICE_DEVICES devices, the queue fails after
 * LOST_DEVICE_SUBMITS submissions with VK_ERROR_DEVICE_LOST. */

#include <dlfcn.h>
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

static int number(const char *variable) {
    const char *text = getenv(variable);
    return text ? atoi(text) : 0;
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
    if (devices <= number("LOST_DEVICE_DEVICES") && ++submits > number("LOST_DEVICE_SUBMITS"))
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
