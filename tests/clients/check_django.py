"""Django: inspectdb, and the ORM on a table that it has not made and on one that it makes."""

import contextlib
import io
import os
import sys

import django
from django.apps import AppConfig
from django.conf import settings
from django.core.management import call_command

from checks import Address, Servers, address, equal, run


def database(server: Address) -> "dict[str, object]":
    return {"ENGINE": "django.db.backends.postgresql", "HOST": server.host, "PORT": server.port, "USER": server.user,
            "NAME": server.database}


class Shop(AppConfig):
    """The models of this file as an application."""

    label = "shop"
    path = os.path.dirname(__file__)


settings.configure(
    INSTALLED_APPS=[Shop("shop", sys.modules[__name__])], TIME_ZONE="UTC",
    DATABASES={"default": database(address(sys.argv[1])), "write": database(address(sys.argv[2]))},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField", USE_TZ=False)
django.setup()

from django.db import connections, models, transaction  # noqa: E402
from django.db.models import Avg, Count, Exists, F, Max, OuterRef, Q, Subquery, Sum, Value  # noqa: E402
from django.db.models.functions import Concat, ExtractMonth, Lower, TruncMonth  # noqa: E402


class Product(models.Model):
    title = models.TextField()
    description = models.TextField(null=True)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    in_stock = models.BooleanField()
    added = models.DateField()
    updated = models.DateTimeField()

    class Meta:
        app_label, db_table, managed = "shop", "products", False


class Order(models.Model):
    product = models.ForeignKey(Product, models.DO_NOTHING)
    quantity = models.IntegerField()

    class Meta:
        app_label, db_table, managed = "shop", "orders", False


class Item(models.Model):
    name = models.CharField(max_length=20, unique=True)
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    added = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label, db_table = "shop", "django_items"


def inspects(_: Servers) -> None:
    """inspectdb"""
    out = io.StringIO()
    call_command("inspectdb", stdout=out)
    text = out.getvalue()
    equal("Unable to inspect" in text, False)
    for line in ("class Products(models.Model):", "title = models.TextField(", "max_digits=10, decimal_places=2",
                 "added = models.DateField(", "in_stock = models.BooleanField("):
        equal(line in text, True)


def filters(_: Servers) -> None:
    """filter, exclude, in, dates, pattern lookups, slices, values"""
    equal(Product.objects.filter(id__in=[1, 2, 3]).exclude(title__startswith="tea").count(), 2)
    equal(Product.objects.get(pk=2).title, 'pen; "blue" 2')
    equal(Product.objects.filter(title__icontains="SHOES", description__isnull=False).count(), 50)
    equal(Product.objects.filter(added__year=2026, added__month=2).count() > 0, True)
    equal(list(Product.objects.order_by("-id").values_list("id", flat=True)[1:3]), [499, 498])
    equal(Product.objects.filter(Q(price__lt=5) | Q(id=500)).exists(), True)
    equal(Product.objects.filter(updated__date="2026-01-01", updated__hour=7).count(), 60)
    equal(Product.objects.filter(title__regex=r"^tea pot \d$").count(), 2)
    equal(Product.objects.order_by().values("in_stock").distinct().count(), 2)
    equal(Product.objects.annotate(name=Concat(Lower("title"), Value("!"), output_field=models.TextField())).get(pk=1).name, "tea pot 1!")


def aggregates(_: Servers) -> None:
    """annotate, aggregate, joins, Exists, Subquery, Trunc"""
    equal(Order.objects.aggregate(total=Sum("quantity"), top=Max("id")), {"total": 8000, "top": 2000})
    best = Product.objects.annotate(sold=Sum("order__quantity")).order_by("-sold", "id").first()
    equal(best.sold >= 16, True)
    months = Product.objects.annotate(month=TruncMonth("added")).values("month").annotate(n=Count("id")).order_by("month")
    equal((len(months), sum(row["n"] for row in months)), (12, 500))
    ordered = Order.objects.filter(product=OuterRef("pk"), quantity__gt=6)
    marked = Product.objects.annotate(large=Exists(ordered)).order_by("id").values_list("id", "large")[:3]
    equal(len(marked), 3)
    equal(Product.objects.filter(Exists(ordered)).count() > 0, True)
    newest = Order.objects.filter(product=OuterRef("pk")).order_by("-id").values("id")[:1]
    equal(Product.objects.annotate(newest=Subquery(newest)).get(pk=1).newest, 2000)
    equal(Product.objects.annotate(m=ExtractMonth("added")).filter(m=1).aggregate(mean=Avg("price"))["mean"] > 0, True)
    equal(Order.objects.select_related("product").filter(product__in_stock=True).first().product.in_stock, True)
    equal(Product.objects.filter(id__lt=F("price")).count(), 500)


def iterates(_: Servers) -> None:
    """iterator over a server-side cursor, prefetch_related, raw"""
    equal(sum(product.id for product in Product.objects.iterator(chunk_size=100)), 125250)
    equal(sum(len(product.order_set.all()) for product in Product.objects.filter(id__lt=5).prefetch_related("order_set")), 16)
    equal(Product.objects.raw("SELECT id FROM products WHERE id = %s", [3])[0].id, 3)


def writes(_: Servers) -> None:
    """schema editor, create, bulk_create, update, get_or_create, delete"""
    connection = connections["write"]
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS django_items")
    with connection.schema_editor() as editor:
        editor.create_model(Item)
    items = Item.objects.using("write")
    equal(items.create(name="a", price="1.50").pk, 1)
    items.bulk_create([Item(name="b"), Item(name="c", price=2)])
    equal(items.get_or_create(name="a")[1], False)
    equal(items.filter(name="b").update(price=F("id") + 1), 1)
    equal(list(items.order_by("id").values_list("name", "price"))[1], ("b", 3))
    with transaction.atomic(using="write"):
        equal(items.get(name="c").delete()[0], 1)
    equal(items.count(), 2)
    with connection.schema_editor() as editor:
        editor.delete_model(Item)
    with contextlib.closing(connection):
        equal("django_items" in connection.introspection.table_names(), False)


run(django.__version__, [inspects, filters, aggregates, iterates, writes])
